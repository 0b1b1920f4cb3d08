// simulate, prepare and embed: from files to a dataset directory with item embeddings.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "data/embed.h"
#include "data/prepare_sequences.h"
#include "data/simulate.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

Json summary_of(const Dataset& data, const fs::path& directory) {
  return {{"dataset", directory.string()},
          {"users", data.users()},
          {"items", data.items.size()},
          {"events", data.events.size()},
          {"evaluated_users", evaluated_users(data).size()}};
}

void print_summary(const Json& summary) {
  fmt::print("{}: {} users, {} items, {} events; {} users can be evaluated\n",
             summary.at("dataset").get<std::string>(),
             grouped(summary.at("users").get<std::size_t>()),
             grouped(summary.at("items").get<std::size_t>()),
             grouped(summary.at("events").get<std::size_t>()),
             grouped(summary.at("evaluated_users").get<std::size_t>()));
}

struct SimulateArguments {
  std::string out;
  SimulationOptions options;
  bool json = false;
};

void simulate(const SimulateArguments& arguments) {
  const Dataset data = simulate_shop(arguments.options);
  write_dataset(arguments.out, data);
  const Json summary = summary_of(data, arguments.out);
  if (arguments.json) return print_json(summary);
  print_summary(summary);
  fmt::print("This shop is simulated: use it to try the program, not to judge a method.\n");
}

struct PrepareArguments {
  std::string format = "sequences";
  std::string interactions, item_text, timestamps, out;
  std::uint64_t seed = 1;
  bool json = false;
};

void prepare(const PrepareArguments& arguments) {
  PrepareReport report;
  const Dataset data = prepare_sequences(
      {arguments.interactions, arguments.item_text, arguments.timestamps}, arguments.seed, report);
  write_dataset(arguments.out, data);
  Json summary = summary_of(data, arguments.out);
  summary["items_without_text"] = report.items_without_text;
  summary["items_without_events"] = report.items_without_events;
  summary["unknown_times"] = report.unknown_times;
  summary["users_out_of_order"] = report.users_out_of_order;
  if (arguments.json) return print_json(summary);
  print_summary(summary);
  const auto note = [](std::size_t count, const char* what) {
    if (count > 0) fmt::print("  {} {}\n", grouped(count), what);
  };
  note(report.items_without_text, "items have no text: their embedding will be zero");
  note(report.items_without_events, "items have text but no event: they can be recommended cold");
  note(report.unknown_times, "events have no known time: they keep their place in the file");
  note(report.users_out_of_order, "users have times that decrease: the file's order was kept");
}

struct EmbedArguments {
  std::string data, file, ids;
  std::string encoder = "tfidf-svd";
  TfidfOptions options;
  bool json = false;
};

void embed(const EmbedArguments& arguments) {
  const Stopwatch watch;
  EmbedReport report;
  if (arguments.encoder == "npy") {
    if (arguments.file.empty()) fail_usage("--encoder npy needs --file FILE.npy");
    report = embed_from_npy(arguments.data, arguments.file, arguments.ids);
  } else {
    if (!arguments.file.empty() || !arguments.ids.empty()) {
      fail_usage("--file and --ids belong to --encoder npy");
    }
    TfidfOptions options = arguments.options;
    options.progress = shown_progress("factorising");
    report = embed_by_text(arguments.data, options);
  }
  const Json summary = {{"dataset", arguments.data},
                        {"items", report.items},
                        {"dims", report.dims},
                        {"zero_rows", report.zero_rows},
                        {"seconds", watch.seconds()}};
  if (arguments.json) return print_json(summary);
  fmt::print("{}: {} embeddings of {} dims in {:.1f} s\n",
             (fs::path(arguments.data) / "embeddings.npy").string(), grouped(report.items),
             report.dims, watch.seconds());
  if (report.zero_rows > 0) {
    fmt::print("  {} items have no text that the encoder knows: their embedding is zero\n",
               grouped(report.zero_rows));
  }
}

}  // namespace

void add_simulate(CLI::App& app) {
  auto arguments = std::make_shared<SimulateArguments>();
  CLI::App* command = app.add_subcommand("simulate", "Make a simulated shop to try things on");
  SimulationOptions& options = arguments->options;
  command->add_option("--out", arguments->out, "Dataset directory to write")->required();
  command->add_option("--users", options.users, "Number of users")
      ->check(count_from(1))
      ->capture_default_str();
  command->add_option("--items", options.items, "Number of items")
      ->check(count_from(1))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Seed of the simulation")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print a summary for programs");
  command->footer("Example:\n  tessera simulate --out shop --users 2000 --items 500 --seed 7");
  command->callback([arguments] { simulate(*arguments); });
}

void add_prepare(CLI::App& app) {
  auto arguments = std::make_shared<PrepareArguments>();
  CLI::App* command = app.add_subcommand("prepare", "Turn interaction files into a dataset");
  command->add_option("--format", arguments->format, "Format of the files")
      ->check(CLI::IsMember({"sequences"}))
      ->capture_default_str();
  command
      ->add_option("--interactions", arguments->interactions,
                   "One user a line: 'user item item …' in time order; item ids are whole numbers "
                   "from 1 (plain or gzip)")
      ->required();
  command->add_option("--item-text", arguments->item_text,
                      "One JSON object, item id → text (plain or gzip)");
  command->add_option("--timestamps", arguments->timestamps,
                      "The same lines with unix seconds in place of items, -1 unknown");
  command->add_option("--out", arguments->out, "Dataset directory to write")->required();
  command->add_option("--seed", arguments->seed, "Seed of the item numbering")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print the summary for programs");
  command->footer(
      "Example:\n  tessera prepare --format sequences --interactions interactions.txt \\\n"
      "      --item-text item_text.json --out dataset");
  command->callback([arguments] { prepare(*arguments); });
}

void add_embed(CLI::App& app) {
  auto arguments = std::make_shared<EmbedArguments>();
  CLI::App* command = app.add_subcommand("embed", "Give every item an embedding of its text");
  TfidfOptions& options = arguments->options;
  command->add_option("--data", arguments->data, "Dataset directory")->required();
  command->add_option("--encoder", arguments->encoder, "tfidf-svd: built in; npy: from a file")
      ->check(CLI::IsMember({"tfidf-svd", "npy"}))
      ->capture_default_str();
  command->add_option("--dims", options.dims, "Dimensions of the embeddings")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--min-df", options.min_df, "Ignore words in fewer items than this")
      ->check(count_from(1))
      ->capture_default_str();
  command->add_option("--max-terms", options.max_terms, "Largest vocabulary")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Seed of the factorisation")
      ->check(kSeed)
      ->capture_default_str();
  command->add_option("--file", arguments->file,
                      "With npy: float array [items, dims] made by numpy.save");
  command->add_option("--ids", arguments->ids,
                      "With npy: the item id of each row, one a line (default: the rows follow the "
                      "dataset's items.jsonl)");
  command->add_flag("--json", arguments->json, "Print the summary for programs");
  command->footer(
      "Examples:\n  tessera embed --data dataset\n"
      "  tessera embed --data dataset --encoder npy --file vectors.npy --ids ids.txt");
  command->callback([arguments] { embed(*arguments); });
}

}  // namespace tessera
