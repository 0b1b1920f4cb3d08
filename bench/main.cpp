// The measuring program: this machine's speed at training and search, beside its own peak and
// peers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/folders.h"
#include "base/parallel.h"
#include "bench/filter_benchmark.h"
#include "bench/index_benchmark.h"
#include "bench/train_benchmark.h"
#include "cli/checks.h"
#include "cli/print.h"
#include "cli/program.h"
#include "model/bundle.h"
#include "train/settings_by_data.h"
#include "train/validation.h"

namespace tessera {
namespace {

struct BenchIndexArguments {
  std::string model, data, json;
  std::size_t queries = 1000;
  IndexBenchmarkOptions options;
  bool no_peers = false;
};

// Histories of test users, spread over the dataset, without the test item.
std::vector<History> test_histories(const Dataset& data, std::size_t most) {
  std::vector<History> histories;
  const std::size_t step = std::max<std::size_t>(1, data.users() / most);
  for (std::size_t u = 0; u < data.users() && histories.size() < most; u += step) {
    const auto history = data.history(u);
    if (history.size() >= 2) histories.push_back(history.first(history.size() - 1));
  }
  if (histories.empty())
    fail("no user of the dataset has two events: there is nobody to search for");
  return histories;
}

Matrix test_states(const Bundle& bundle, const Dataset& data, std::size_t most) {
  const std::vector<History> histories = test_histories(data, most);
  Matrix states(histories.size(), bundle.model.settings.width());
  user_states(bundle.model, bundle.catalogue, histories, states);
  return states;
}

void print_machine(const Machine& machine) {
  fmt::print("{}, {} CPUs, {} threads; sgemm {:.0f} GFLOP/s; one thread reads {:.1f} GB/s\n\n",
             machine.cpu, machine.cpus, machine.threads, machine.gemm_peak_gflops,
             machine.read_bandwidth_gbs);
}

// To the file `json`, "-" being standard output and empty nowhere.
void write_results(const std::string& json, const Machine& machine,
                   const std::vector<Measurement>& results) {
  if (json.empty()) return;
  if (json == "-") return print_json(to_json(machine, results));
  write_file(json, dump_json(to_json(machine, results), 2) + "\n");
}

// Before the work: whether its results may go there.
void check_results(const std::string& json) {
  check_json_output(json, "a file of figures of bench", {"machine", "results"});
}

void bench_machine(const std::string& json) {
  check_results(json);
  const Machine machine = measure_machine();
  if (json != "-") {
    print_machine(machine);
    const KernelPaths& paths = machine.paths;
    fmt::print("vectors   {}\nscans     {}\nproducts  {} (oneDNN)\nbf16      {}\n", paths.vectors,
               paths.scans, paths.products, paths.bf16 ? "in hardware" : "widened to float");
  }
  write_results(json, machine, {});
}

// Prints each figure as it is known, unless standard output is for JSON.
std::function<void(const std::string&)> line_printer(bool quiet) {
  if (quiet) return {};
  return [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
}

void bench_index(BenchIndexArguments arguments) {
  check_results(arguments.json);
  const Bundle bundle = read_bundle(arguments.model);
  const Dataset data = read_dataset_of(bundle, arguments.data);
  const Matrix states = test_states(bundle, data, arguments.queries);
  const Machine machine = measure_machine();
  const bool quiet = arguments.json == "-";
  if (!quiet) print_machine(machine);
  arguments.options.peers = !arguments.no_peers;
  arguments.options.report = line_printer(quiet);
  write_results(arguments.json, machine,
                benchmark_index(bundle.model, bundle.catalogue, states, arguments.options));
}

struct BenchFilterArguments {
  std::string model, data, work, json;
  std::size_t queries = 500;
  FilterBenchmarkOptions options;
};

void bench_filter(BenchFilterArguments arguments) {
  check_results(arguments.json);
  Bundle bundle = read_bundle(arguments.model);
  const Dataset data = read_dataset_of(bundle, arguments.data);
  std::vector<std::vector<std::int32_t>> histories;
  for (const History history : test_histories(data, arguments.queries)) {
    histories.emplace_back(history.begin(), history.end());
  }
  const Machine machine = measure_machine();
  const bool quiet = arguments.json == "-";
  if (!quiet) print_machine(machine);
  arguments.options.report = line_printer(quiet);
  set_threads(1);
  write_results(arguments.json, machine,
                benchmark_filters(std::move(bundle), arguments.model, histories, arguments.work,
                                  arguments.options));
}

struct BenchTrainArguments {
  std::string data, negatives, json;
  std::string recipe = kDefaultRecipe;
  std::vector<std::string> set;
  TrainBenchmarkOptions options;
};

void bench_train(BenchTrainArguments arguments) {
  check_results(arguments.json);
  arguments.options.settings = recipe(arguments.recipe);
  apply_settings(arguments.options.settings, arguments.set);
  const Dataset data = read_dataset(arguments.data);
  const Settings& settings = arguments.options.settings =
      settings_by_data(arguments.options.settings, data);
  Matrix text;
  if (settings.has_semantics()) text = read_embeddings(arguments.data, data.items.size());
  const Negatives negatives = validation_negatives(settings, data, arguments.negatives);
  const Machine machine = measure_machine();
  const bool quiet = arguments.json == "-";
  if (!quiet) print_machine(machine);
  arguments.options.report = line_printer(quiet);
  write_results(arguments.json, machine,
                benchmark_training(data, text, negatives, arguments.options));
}

}  // namespace

void add_bench_machine(CLI::App& bench) {
  auto json = std::make_shared<std::string>();
  CLI::App* command = bench.add_subcommand(
      "machine", "This machine's peaks, and which implementations the kernels choose on it");
  command->add_option("--json", *json, "Write the figures to this file; - prints them");
  command->footer("Example:\n  tessera-bench machine");
  command->callback([json] { bench_machine(*json); });
}

void add_bench_index(CLI::App& bench) {
  auto arguments = std::make_shared<BenchIndexArguments>();
  CLI::App* index = bench.add_subcommand("index", "Exact top-k over catalogues of many sizes");
  index->add_option("--model", arguments->model, "Model bundle")->required();
  index->add_option("--data", arguments->data,
                    "Dataset whose test users search (default: the one trained on)");
  index
      ->add_option("--items", arguments->options.items,
                   "Sizes of the catalogues, grown from the bundle's tokens")
      ->delimiter(',')
      ->check(count_from(1))
      ->capture_default_str();
  index->add_option("-k", arguments->options.k, "Lengths of the lists")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  index->add_option("--queries", arguments->queries, "Test users, at most")
      ->check(count_from(1))
      ->capture_default_str();
  index
      ->add_option("--rounds", arguments->options.rounds, "Times that all of them are searched for")
      ->check(count_from(1))
      ->capture_default_str();
  index
      ->add_option("--hnsw-items", arguments->options.hnsw_items,
                   "No HNSW over more items: it takes minutes to build")
      ->capture_default_str();
  index
      ->add_option("--neighbours", arguments->options.neighbours,
                   "Of each real item: how many lend their tokens to the items grown around it")
      ->check(count_from(1))
      ->capture_default_str();
  index->add_flag("--no-peers", arguments->no_peers, "Without faiss");
  index->add_option("--seed", arguments->options.seed, "Seed of the growth")
      ->check(kSeed)
      ->capture_default_str();
  index->add_option("--json", arguments->json, "Write the figures to this file; - prints them");
  index->footer(
      "One line a figure: median and range over the rounds. A sample of the lists is first held\n"
      "against sorting every score.\n\n"
      "Examples:\n  tessera-bench index --model shop-model\n"
      "  tessera-bench index --model shop-model --items 1000000,10000000 -k 10 --json index.json");
  index->callback([arguments] { bench_index(*arguments); });
}

void add_bench_filter(CLI::App& bench) {
  auto arguments = std::make_shared<BenchFilterArguments>();
  CLI::App* filter = bench.add_subcommand("filter", "Lists under filters and rules");
  filter->add_option("--model", arguments->model, "Model bundle")->required();
  filter->add_option("--data", arguments->data,
                     "Dataset whose test users ask (default: the one trained on)");
  filter
      ->add_option("--work", arguments->work,
                   "Directory for the grown bundle, which later runs use again")
      ->required();
  filter->add_option("--items", arguments->options.items, "Size of the grown catalogue")
      ->check(count_from(1000))
      ->capture_default_str();
  filter->add_option("-k", arguments->options.k, "Length of the lists")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  filter->add_option("--queries", arguments->queries, "Test users, at most")
      ->check(count_from(1))
      ->capture_default_str();
  filter->add_option("--rounds", arguments->options.rounds, "Times that all of them are answered")
      ->check(count_from(1))
      ->capture_default_str();
  filter
      ->add_option("--put", arguments->options.put,
                   "Items put by their text while searches go on; 0: none")
      ->capture_default_str();
  filter->add_option("--json", arguments->json, "Write the figures to this file; - prints them");
  filter->footer(
      "Times are of a list without that of the user's state, by one thread; ratios are to the\n"
      "lists without filter and rules in the same round.\n\n"
      "Example:\n  tessera-bench filter --model shop-model --work /tmp/grown --json filter.json");
  filter->callback([arguments] { bench_filter(*arguments); });
}

void add_bench_train(CLI::App& bench) {
  auto arguments = std::make_shared<BenchTrainArguments>();
  CLI::App* command = bench.add_subcommand("train", "Training and validation, stage by stage");
  command->add_option("--data", arguments->data, "Dataset directory, embedded")->required();
  command->add_option("--negatives", arguments->negatives,
                      "Negatives of the sampled protocol, to validate with (default: drawn)");
  command->add_option("--recipe", arguments->recipe, "Named set of settings")
      ->capture_default_str();
  command->add_option("--set", arguments->set, "One setting, key=value; may be repeated");
  command->add_option("--epochs", arguments->options.epochs, "Epochs for median and range")
      ->check(count_from(1))
      ->capture_default_str();
  command
      ->add_option("--threads", arguments->options.threads,
                   "Numbers of threads to measure one after the other (default: all CPUs)")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  command->add_option("--json", arguments->json, "Write the figures to this file; - prints them");
  command->footer(
      "Trains a fresh model and writes nothing. GFLOP/s are counted from the shapes of the matrix\n"
      "products alone; what else a stage does counts as its time.\n\n"
      "Examples:\n  tessera-bench train --data dataset\n"
      "  tessera-bench train --data dataset --threads 1,2 --json train.json");
  command->callback([arguments] { bench_train(*arguments); });
}

}  // namespace tessera

int main(int argc, char** argv) {
  CLI::App app("Measures this machine's speed, beside its own peak and peers.", "tessera-bench");
  app.require_subcommand(1);
  app.fallthrough();
  int threads = 0;
  app.add_option("--threads", threads, "Threads to use (default: every CPU allowed)")
      ->check(CLI::Range(0, 1024));
  app.parse_complete_callback([&] { tessera::set_threads(threads); });
  tessera::add_bench_machine(app);
  tessera::add_bench_index(app);
  tessera::add_bench_filter(app);
  tessera::add_bench_train(app);
  return tessera::run_program(app, argc, argv);
}
