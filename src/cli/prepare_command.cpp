// prepare: from files of events and items to a dataset directory.
#include <CLI/CLI.hpp>
#include <array>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/folders.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "data/prepare_options.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct PrepareArguments : PrepareRequest {
  std::string out;
  bool json = false;
};

// "2014-07-23 10:00:00" of unix seconds.
std::string date_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &utc)};
}

void print_repeats(std::size_t repeated, std::size_t evaluated) {
  if (repeated == 0) return;
  const double share = static_cast<double>(repeated) / static_cast<double>(evaluated);
  fmt::print("  {} of the test's targets ({:.1f} %) repeat an item of the user's history{}\n",
             grouped(repeated), 100 * share,
             share < 0.05 ? ""
                          : ": 'evaluate' and 'recommend' take --repeats to name such items, and "
                            "'prepare --duplicates first' leaves new ones alone");
}

void print_summary(const Json& summary, const PrepareReport& report, const std::string& out) {
  const auto count = [&](const char* name) { return summary.at(name).get<std::size_t>(); };
  for (const FieldChoice& choice : report.choices) {
    if (!choice.guessed) continue;
    fmt::print("{}: {}\n", choice.role,
               choice.field.empty() ? "none found" : "'" + printable(choice.field) + "' (guessed)");
  }
  fmt::print("{}: {} users, {} items, {} events; {} users can be evaluated\n", out,
             grouped(count("users")), grouped(count("items")), grouped(count("events")),
             grouped(count("evaluated_users")));
  const Json& length = summary.at("history_length");
  fmt::print("  histories of {} to {} events, median {}, mean {:.2f}; density {:.2g}\n",
             grouped(length.at("min").get<std::size_t>()),
             grouped(length.at("max").get<std::size_t>()),
             grouped(length.at("median").get<std::size_t>()), length.at("mean").get<double>(),
             summary.at("density").get<double>());
  fmt::print("  {:.2f} % of items have a text\n", 100 * summary.at("text_share").get<double>());
  const auto note = [](std::size_t number, const std::string& what) {
    if (number > 0) fmt::print("  {} {}\n", grouped(number), what);
  };
  note(report.bad_records, "bad records were skipped, the first: " + printable(report.first_bad));
  for (const Dropped& filter : report.dropped) note(filter.events, "events dropped: " + filter.why);
  note(report.users_dropped, "users have no event left");
  note(report.items_dropped, "items have no event left");
  note(report.repeated_item_rows, "rows of items that were listed before: the first counts");
  note(report.replaced_items, "items were replaced by what a later file says of them");
  note(report.items_without_text, "items have no text: their embedding will be zero");
  note(
      report.items_without_events,
      "items have text but no event: they can be recommended cold (--catalogue events drops them)");
  note(report.missing, "fields hold NA, NULL or the like and count as missing (--missing)");
  note(report.unknown_times, "events have no known time: they keep their place in the file");
  note(report.users_out_of_order, "users have times that decrease in the file");
  if (summary.contains("event_weights")) {
    const Json& weights = summary.at("event_weights");
    fmt::print("  events weigh {:g} to {:g}: 'train --set event_weights=given' learns by it\n",
               weights.at("min").get<float>(), weights.at("max").get<float>());
  }
  if (summary.contains("first_time")) {
    fmt::print("  from {} to {}\n", date_of(summary.at("first_time")),
               date_of(summary.at("last_time")));
  }
  note(count("tied_targets"),
       "users' last two events have the same time: the order of the file says which is the test's");
  print_repeats(count("repeated_targets"), count("evaluated_users"));
  if (summary.contains("test_from")) {
    fmt::print("  split by time: validation from {}, test from {}; {} users validate\n",
               date_of(summary.at("validation_from")), date_of(summary.at("test_from")),
               grouped(count("validated_users")));
  }
  note(count("withheld_items"), "items are withheld from training");
}

void prepare(const PrepareArguments& arguments) {
  const InterruptGuard guard;
  PrepareOptions options = options_of(arguments);
  check_folder(arguments.out, Folder::dataset);
  options.watcher = [show = shown_progress("reading")](std::uint64_t done, std::uint64_t total) {
    if (InterruptGuard::interrupted()) fail("interrupted; nothing was changed");
    if (total > 0) show(done, total);
  };
  PrepareReport report;
  const Dataset data = prepare(options, report);
  Json summary = summarise(data, report);
  if (InterruptGuard::interrupted()) fail("interrupted; nothing was changed");
  write_dataset(arguments.out, data, dump_json(summary, 2) + "\n");
  for (const std::string& warning : report.warnings) {
    fmt::print(stderr, "warning: {}\n", printable(warning));
  }
  if (!arguments.json) return print_summary(summary, report, arguments.out);
  summary["dataset"] = arguments.out;
  print_json(summary);
}

// What a value may be, and its default, where --help shows one.
void constrain(CLI::Option& option, const PrepareOption& row, const std::string* value) {
  if (row.choices.empty() && row.least > 0) option.check(kNotEmpty);
  if (!value->empty()) option.capture_default_str();
}
void constrain(CLI::Option& option, const PrepareOption& row, const std::size_t* value) {
  const auto least = static_cast<std::size_t>(row.least);
  if (row.most > 0) {
    option.check(kSeed);
  } else {
    option.check(count_from(least));
  }
  if (*value >= least) option.capture_default_str();
}
void constrain(CLI::Option& option, const PrepareOption& row, const double* /*value*/) {
  if (row.most > 0) {
    option.check(CLI::Range(row.least, row.most));
  } else {
    option.check(CLI::NonNegativeNumber);
  }
}
template <class T>
void constrain(CLI::Option& /*option*/, const PrepareOption& /*row*/, const T* /*value*/) {}

void add_option(CLI::App& command, PrepareRequest& request, const PrepareOption& row) {
  const std::string name = "--" + row.name;
  CLI::Option* option = std::visit(
      [&]<class T>(T* value) {
        CLI::Option* added = nullptr;
        if constexpr (std::is_same_v<T, bool>) {
          added = command.add_flag(name, *value, row.help);
        } else {
          added = command.add_option(name, *value, row.help);
        }
        constrain(*added, row, value);
        return added;
      },
      row.value(request));
  if (!row.choices.empty()) option->check(CLI::IsMember(row.choices));
  if (*row.group != '\0') option->group(row.group);
  if (row.name == "interactions") option->required();
}

}  // namespace

void add_prepare(CLI::App& app) {
  auto arguments = std::make_shared<PrepareArguments>();
  CLI::App* command = app.add_subcommand("prepare", "Turn interaction files into a dataset");
  command->add_option("--out", arguments->out, "Dataset directory to write")->required();
  for (const PrepareOption& row : prepare_options()) add_option(*command, *arguments, row);
  command->add_flag("--json", arguments->json, "Print the summary for programs");
  command->footer(
      "Examples:\n  tessera prepare --interactions interactions.txt --item-text item_text.json \\\n"
      "      --out dataset\n"
      "  tessera prepare --format csv --interactions ratings.csv --min-rating 4 --k-core 5 \\\n"
      "      --items movies.csv --text '{title}; {genres}' --out dataset\n"
      "  tessera prepare --format csv --interactions ml-1m.zip/ratings.dat \\\n"
      "      --items ml-1m.zip/movies.dat --items-encoding latin1 --out dataset\n"
      "  tessera prepare --format csv --interactions logs/ 'archive/2025-*.csv.gz' \\\n"
      "      jsonl:state-events.jsonl --duplicates event --items items.csv jsonl:state-items.jsonl "
      "\\\n      --out dataset\n"
      "  tessera prepare --format amazon --interactions reviews_Beauty_5.json.gz \\\n"
      "      --items meta_Beauty.json.gz --catalogue events --out dataset\n"
      "  tessera prepare --format jsonl --interactions log.jsonl.zst --user user.id \\\n"
      "      --item sku --event-types view=1,cart=2,purchase=3 --min-weight 2 --out dataset\n"
      "  tessera prepare --format recbole --interactions ml-1m/ --split time \\\n"
      "      --validation-from 0.8 --test-from 0.9 --cold-items 0.05 --out dataset");
  command->callback([arguments] { prepare(*arguments); });
}

}  // namespace tessera
