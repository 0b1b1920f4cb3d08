// simulate and embed: a dataset directory to try things on, and item embeddings.
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
#include "data/simulate.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

Json summary_of(const Dataset& data, const fs::path& directory) {
  return {{"dataset", directory.string()},
          {"users", data.users()},
          {"items", data.items.size()},
          {"events", data.events.size()},
          {"evaluated_users", evaluated_users(data, Split::test).size()}};
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

struct EmbedArguments {
  std::string data, file, ids;
  std::string encoder = "tfidf-svd";
  TextEncoderOptions options;
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
    TextEncoderOptions options = arguments.options;
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

void add_embed(CLI::App& app) {
  auto arguments = std::make_shared<EmbedArguments>();
  CLI::App* command = app.add_subcommand("embed", "Give every item an embedding of its text");
  TextEncoderOptions& options = arguments->options;
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
