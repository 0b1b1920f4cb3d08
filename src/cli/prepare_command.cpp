// prepare: from files of events and items to a dataset directory.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "data/prepare_request.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct PrepareArguments : PrepareRequest {
  std::string out;
  bool json = false;
};

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
  note(report.items_without_text, "items have no text: their embedding will be zero");
  note(
      report.items_without_events,
      "items have text but no event: they can be recommended cold (--catalogue events drops them)");
  note(report.unknown_times, "events have no known time: they keep their place in the file");
  note(report.users_out_of_order, "users have times that decrease in the file");
  if (summary.contains("test_from")) {
    fmt::print("  split by time: validation from {}, test from {}; {} users validate\n",
               summary.at("validation_from").get<std::int64_t>(),
               summary.at("test_from").get<std::int64_t>(), grouped(count("validated_users")));
  }
  note(count("withheld_items"), "items are withheld from training");
}

void prepare(const PrepareArguments& arguments) {
  const InterruptGuard guard;
  PrepareOptions options = options_of(arguments);
  options.watcher = [show = shown_progress("reading")](std::uint64_t done, std::uint64_t total) {
    if (InterruptGuard::interrupted()) fail("interrupted; nothing was changed");
    if (total > 0) show(done, total);
  };
  PrepareReport report;
  const Dataset data = prepare(options, report);
  Json summary = summarise(data, report);
  if (InterruptGuard::interrupted()) fail("interrupted; nothing was changed");
  write_dataset(arguments.out, data, dump_json(summary, 2) + "\n");
  if (!arguments.json) return print_summary(summary, report, arguments.out);
  summary["dataset"] = arguments.out;
  for (const FieldChoice& choice : report.choices) {
    summary["fields"][choice.role] = {{"field", choice.field}, {"guessed", choice.guessed}};
  }
  if (report.bad_records > 0) summary["first_bad_record"] = report.first_bad;
  print_json(summary);
}

void add_files(CLI::App& command, PrepareArguments& arguments) {
  PrepareOptions& options = arguments.options;
  const CLI::IsMember formats({"sequences", "csv", "tsv", "jsonl", "amazon", "recbole"});
  command.add_option("--format", arguments.format, "Format of the interactions")
      ->check(formats)
      ->capture_default_str();
  command
      .add_option("--interactions", options.interactions,
                  "Events: a record each, or with 'sequences' one user a line, 'user item item …' "
                  "in time order. Plain, gzip or zstd, like all files")
      ->required();
  command.add_option("--items", options.items, "What is known about items, a record each");
  command
      .add_option("--items-format", arguments.items_format,
                  "Format of --items (default: as --format; jsonl beside sequences)")
      ->check(CLI::IsMember({"csv", "tsv", "jsonl", "amazon", "recbole"}));
  command.add_option("--item-text", options.item_text,
                     "In place of --items: one JSON object, item id → text");
  command.add_option("--timestamps", options.timestamps,
                     "With sequences: the same lines with unix seconds in place of items, -1 "
                     "unknown");
  command.add_option("--delimiter", arguments.delimiter,
                     "Of csv: a character or 'tab' (default: the most frequent of , ; tab |)");
  command.add_flag("--no-header", arguments.no_header,
                   "Of csv: the first line is a record; fields are called 1, 2, …");
  command.add_option("--max-errors", options.max_errors, "Bad records to skip and count")
      ->check(count_from(0))
      ->capture_default_str();
}

void add_fields(CLI::App& command, PrepareArguments& arguments) {
  PrepareOptions& options = arguments.options;
  constexpr const char* kGroup = "Fields (guessed by customary names; of JSON: dotted paths)";
  const auto add = [&](const char* name, std::string& to, const char* what) {
    command.add_option(name, to, what)->check(kNotEmpty)->group(kGroup);
  };
  add("--user", options.fields.user, "The user's id");
  add("--item", options.fields.item, "The item's id");
  add("--time", options.fields.time, "When it happened");
  add("--rating", options.fields.rating, "The rating, for --min-rating");
  add("--event-type", options.fields.type, "The type of event, for --event-types");
  add("--item-id", options.item_fields.id, "In --items: the item's id");
  add("--title", options.item_fields.title, "In --items: the item's title");
  add("--text", options.item_fields.text,
      "In --items: the item's text, fields in braces: '{title}; {brand}; {categories}'");
  command
      .add_option("--time-unit", arguments.time_unit,
                  "s, ms or iso, ISO 8601 (default: as the first time suggests)")
      ->check(CLI::IsMember({"s", "ms", "iso"}))
      ->group(kGroup);
}

void add_filters(CLI::App& command, PrepareArguments& arguments) {
  PrepareOptions& options = arguments.options;
  constexpr const char* kGroup = "Filters (in the order of docs/data.md)";
  command
      .add_option("--min-rating", options.fields.min_rating,
                  "Drop events rated lower, or not rated")
      ->group(kGroup);
  command
      .add_option("--event-types", arguments.event_types,
                  "Types of events to take, with weights: 'view=1,purchase=3'")
      ->group(kGroup);
  command
      .add_option("--min-weight", options.min_weight,
                  "Drop a user's events with an item if their weights add up to less")
      ->check(CLI::NonNegativeNumber)
      ->group(kGroup);
  command
      .add_option("--duplicates", arguments.duplicates,
                  "Of a user's events with one item: keep all; drop those at the exact same time, "
                  "or consecutive ones; keep the first or the last")
      ->check(CLI::IsMember({"keep", "exact", "consecutive", "first", "last"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--k-core", arguments.k_core,
                  "Drop users and items with fewer events until none is left to drop")
      ->check(count_from(1))
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--min-user-events", options.min_user_events, "The same for users alone")
      ->check(count_from(1))
      ->group(kGroup);
  command.add_option("--min-item-events", options.min_item_events, "The same for items alone")
      ->check(count_from(1))
      ->group(kGroup);
  command.add_option("--max-history", options.max_history, "Keep each user's last events alone")
      ->check(count_from(1))
      ->group(kGroup);
  command
      .add_option("--order", arguments.order,
                  "Order of a history: time (equal times: as in the file) or file (default for "
                  "sequences)")
      ->check(CLI::IsMember({"time", "file"}))
      ->group(kGroup);
  command
      .add_option("--catalogue", arguments.catalogue,
                  "all: also items of --items without events (default); events: only those with")
      ->check(CLI::IsMember({"all", "events"}))
      ->group(kGroup);
}

void add_split(CLI::App& command, PrepareArguments& arguments) {
  PrepareOptions& options = arguments.options;
  constexpr const char* kGroup = "Split";
  command
      .add_option("--split", arguments.split,
                  "leave-one-out (default): each user's last two events are held out; time: all "
                  "events from a cut on")
      ->check(CLI::IsMember({"leave-one-out", "time"}))
      ->group(kGroup);
  command
      .add_option("--validation-from", options.validation_from,
                  "Cut of --split time: a share of the events, a date or unix seconds")
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--test-from", options.test_from, "The second cut")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--cold-items", options.cold_share,
                  "Share of the items to withhold from training, as if they were new")
      ->check(CLI::Range(0.0, 1.0))
      ->group(kGroup);
  command
      .add_option("--cold-by", arguments.cold_by,
                  "Withheld are: seed: drawn ones; time: those that appeared last")
      ->check(CLI::IsMember({"seed", "time"}))
      ->capture_default_str()
      ->group(kGroup);
}

}  // namespace

void add_prepare(CLI::App& app) {
  auto arguments = std::make_shared<PrepareArguments>();
  PrepareOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("prepare", "Turn interaction files into a dataset");
  add_files(*command, *arguments);
  command->add_option("--out", arguments->out, "Dataset directory to write")->required();
  command->add_option("--name", options.name,
                      "Name of the dataset (default: the folder of the interactions)");
  command->add_option("--seed", options.seed, "Seed of the item numbering and of drawn cold items")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print the summary for programs");
  add_fields(*command, *arguments);
  add_filters(*command, *arguments);
  add_split(*command, *arguments);
  command->footer(
      "Examples:\n  tessera prepare --interactions interactions.txt --item-text item_text.json \\\n"
      "      --out dataset\n"
      "  tessera prepare --format csv --interactions ratings.csv --min-rating 4 --k-core 5 \\\n"
      "      --items movies.csv --text '{title}; {genres}' --out dataset\n"
      "  tessera prepare --format amazon --interactions reviews_Beauty_5.json.gz \\\n"
      "      --items meta_Beauty.json.gz --catalogue events --out dataset\n"
      "  tessera prepare --format jsonl --interactions log.jsonl.zst --user user.id \\\n"
      "      --item sku --event-types view=1,cart=2,purchase=3 --min-weight 2 --out dataset\n"
      "  tessera prepare --format recbole --interactions ml-1m/ --split time \\\n"
      "      --validation-from 0.8 --test-from 0.9 --cold-items 0.05 --out dataset");
  command->callback([arguments] { prepare(*arguments); });
}

}  // namespace tessera
