// simulate and embed: a dataset directory to try things on, and item embeddings.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
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
  std::string out, log;
  SimulationOptions options;
  bool json = false;
};

void simulate(const SimulateArguments& arguments) {
  const Dataset data = simulate_shop(arguments.options);
  write_dataset(arguments.out, data);
  if (!arguments.log.empty()) write_shop_log(arguments.log, data, arguments.options.seed);
  const Json summary = summary_of(data, arguments.out);
  if (arguments.json) return print_json(summary);
  print_summary(summary);
  fmt::print("This shop is simulated: use it to try the program, not to judge a method.\n");
}

struct EmbedArguments {
  std::string data, file, ids, from;
  std::string encoder = "tfidf-svd";
  TfidfOptions options;
  bool json = false;
};

constexpr const char* kVectorFormats[] = {"npy", "safetensors", "jsonl"};

bool is_vector_format(const std::string& encoder) {
  return std::ranges::find(kVectorFormats, encoder) != std::end(kVectorFormats);
}

EmbedReport embed_with(const EmbedArguments& arguments) {
  const std::string& encoder = arguments.encoder;
  if (!arguments.from.empty()) {
    if (!arguments.file.empty() || !arguments.ids.empty()) {
      fail_usage("--file and --ids do not go with --from, which reads texts as was done there");
    }
    return embed_as(arguments.data, arguments.from, shown_progress("embedding", "texts"));
  }
  if (is_vector_format(encoder)) {
    if (arguments.file.empty()) fail_usage("--encoder {} needs --file FILE", encoder);
    if (encoder == "jsonl" && !arguments.ids.empty()) {
      fail_usage("--ids belongs to --encoder npy and safetensors: JSON lines hold ids");
    }
    return embed_from_file(arguments.data, encoder, arguments.file, arguments.ids);
  }
  if (!arguments.file.empty() || !arguments.ids.empty()) {
    fail_usage("--file and --ids belong to --encoder npy, safetensors and jsonl");
  }
  const ProgressFunction progress = shown_progress("embedding", "texts");
  if (encoder == "tfidf-svd") {
    TfidfOptions options = arguments.options;
    options.progress = shown_progress("factorising");
    return embed_by_text(arguments.data, options, progress);
  }
  if (!fs::is_directory(encoder)) {
    fail_usage(
        "--encoder {}: neither tfidf-svd, npy, safetensors or jsonl nor the folder of a sentence "
        "encoder",
        encoder);
  }
  return embed_by_folder(arguments.data, encoder, progress);
}

void embed(const EmbedArguments& arguments) {
  const Stopwatch watch;
  const EmbedReport report = embed_with(arguments);
  const double rate = static_cast<double>(report.items) / watch.seconds();
  const Json summary = {{"dataset", arguments.data}, {"items", report.items},
                        {"dims", report.dims},       {"zero_rows", report.zero_rows},
                        {"words", report.words},     {"unread_words", report.unread_words},
                        {"seconds", watch.seconds()}};
  if (arguments.json) return print_json(summary);
  fmt::print("{}: {} embeddings of {} dims in {:.1f} s ({:.0f}/s)\n",
             (fs::path(arguments.data) / "embeddings.npy").string(), grouped(report.items),
             report.dims, watch.seconds(), rate);
  if (report.unread_words > 0) {
    fmt::print(
        "  {} of {} words ({:.1f} %) are new and cannot be read by the earlier encoder\n",
        grouped(report.unread_words), grouped(report.words),
        100.0 * static_cast<double>(report.unread_words) / static_cast<double>(report.words));
  }
  if (report.zero_rows > 0) {
    fmt::print("  {} items have no {}: their embedding is zero\n", grouped(report.zero_rows),
               is_vector_format(arguments.encoder) ? "vector" : "text that the encoder knows");
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
  command->add_option("--mean-events", options.mean_events, "Mean events a user")
      ->capture_default_str();
  command->add_option("--days", options.days, "Days that the log spans")->capture_default_str();
  command->add_option("--log", arguments->log,
                      "Folder to write events.csv (views and purchases) and items.csv (attributes) "
                      "into as well, as a shop exports them");
  command->add_option("--seed", options.seed, "Seed of the simulation")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print a summary for programs");
  command->footer(
      "Examples:\n  tessera simulate --out shop --users 2000 --items 500 --seed 7\n"
      "  tessera simulate --out shop --log exported\n"
      "  tessera prepare --format csv --interactions exported/events.csv --items "
      "exported/items.csv \\\n"
      "      --text '{title};{brand};{category}' --event-types purchase=1 --attributes "
      "price,brand,in_stock "
      "--out dataset");
  command->callback([arguments] { simulate(*arguments); });
}

void add_embed(CLI::App& app) {
  auto arguments = std::make_shared<EmbedArguments>();
  CLI::App* command = app.add_subcommand("embed", "Give every item an embedding of its text");
  TfidfOptions& options = arguments->options;
  command->add_option("--data", arguments->data, "Dataset directory")->required();
  CLI::Option* encoder =
      command
          ->add_option(
              "--encoder", arguments->encoder,
              "tfidf-svd: built in, fitted to the items; a folder: a pre-trained sentence "
              "encoder (sentence-transformers, of type bert or distilbert); npy, safetensors, "
              "jsonl: vectors from --file")
          ->capture_default_str();
  std::vector<CLI::Option*> fitted = {
      command->add_option("--dims", options.dims, "With tfidf-svd: dimensions of the embeddings")
          ->check(CLI::Range(1, 65536)),
      command->add_option("--min-df", options.min_df, "With tfidf-svd: ignore words in fewer items")
          ->check(count_from(1)),
      command->add_option("--max-terms", options.max_terms, "With tfidf-svd: largest vocabulary")
          ->check(CLI::Range(1, 1 << 24)),
      command->add_option("--seed", options.seed, "With tfidf-svd: seed of the factorisation")
          ->check(kSeed)};
  for (CLI::Option* option : fitted) option->capture_default_str();
  CLI::Option* from = command->add_option(
      "--from", arguments->from,
      "An earlier bundle or dataset: read texts with its encoder, so that its model can be trained "
      "on by train --from");
  command->add_option("--file", arguments->file,
                      "npy: float array [items, dims] made by numpy.save; safetensors: one such "
                      "matrix, or a vector for each item, named by its id; jsonl: lines "
                      "{\"id\": …, \"vector\": […]}");
  command->add_option(
      "--ids", arguments->ids,
      "With npy or a matrix: the item id of each row, one a line (default: the rows "
      "follow the dataset's items.jsonl)");
  command->add_flag("--json", arguments->json, "Print the summary for programs");
  command->footer(
      "Examples:\n  tessera embed --data dataset\n"
      "  tessera embed --data dataset --encoder all-MiniLM-L6-v2\n"
      "  tessera embed --data dataset --encoder npy --file vectors.npy --ids ids.txt\n"
      "  tessera embed --data dataset --encoder jsonl --file vectors.jsonl\n"
      "  tessera embed --data newer --from model\n"
      "Nothing is downloaded: docs/embeddings.md says how to get a sentence encoder.");
  command->callback([arguments, fitted, from, encoder] {
    if (from->count() > 0 && encoder->count() > 0) {
      fail_usage("--encoder does not go with --from, which has one");
    }
    for (const CLI::Option* option : fitted) {
      const bool fits = arguments->encoder == "tfidf-svd" && from->count() == 0;
      check_belongs(option, fits, "--encoder tfidf-svd");
    }
    embed(*arguments);
  });
}

}  // namespace tessera
