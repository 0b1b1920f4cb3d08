#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "eval/report.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct EvaluateArguments {
  EvaluateOptions options;
  std::string json;
};

// One row a system or a part of its users; metric names as in to_json(Metrics).
void print_table(const std::vector<std::pair<std::string, Metrics>>& rows) {
  constexpr std::array kNames = {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"};
  fmt::print("{:22}", "");
  for (const char* name : kNames) fmt::print("{:>9}", name);
  fmt::print("\n");
  for (const auto& [name, metrics] : rows) {
    fmt::print("{:22}", printable(name));
    const Json json = to_json(metrics);
    for (const char* metric : kNames) fmt::print("{:9.4f}", json.at(metric).get<double>());
    fmt::print("\n");
  }
}

void evaluate(const EvaluateArguments& arguments) {
  EvaluateOptions options = arguments.options;
  options.progress = shown_progress("ranking");
  const EvaluationReport report = evaluate(options);
  if (arguments.json == "-") return print_json(report.json);
  if (!arguments.json.empty()) write_file(arguments.json, dump_json(report.json, 2) + "\n");

  fmt::print("{}{}: {} users, {} split, {} protocol ({} candidates)\n", printable(report.data_name),
             report.simulated ? " (simulated)" : "",
             grouped(report.json.at("users").get<std::size_t>()), options.split, options.protocol,
             grouped(report.candidates));
  print_table(report.rows);
  if (report.json.contains("difference")) {
    for (const char* metric : {"HR@10", "NDCG@10"}) {
      const Json& d = report.json.at("difference").at(metric);
      fmt::print("{} difference {:+.4f}, 95 % of bootstrap samples in [{:+.4f}, {:+.4f}]\n", metric,
                 d.at(0).get<double>(), d.at(1).get<double>(), d.at(2).get<double>());
    }
  }
  print_tokens(report.statistics, report.account);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  EvaluateOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("evaluate", "Measure a model on held-out events");
  command->add_option("--model", options.model, "Model bundle")->required();
  command->add_option("--data", options.data, "The dataset it was trained on")->required();
  command->add_option("--split", options.split, "Which held-out event to predict")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  command
      ->add_option("--protocol", options.protocol,
                   "full: among all items; sampled: among given negatives")
      ->check(CLI::IsMember({"full", "sampled"}))
      ->capture_default_str();
  command->add_option("--negatives", options.negatives,
                      "Negatives of the sampled protocol, 'user item item …' (default: 99 drawn by "
                      "--seed)");
  command->add_option("--seed", options.seed, "Seed of drawn negatives and of the bootstrap")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag(
      "--baselines", options.baselines,
      "Also popularity, item-kNN and sequential rules, fitted on the training events");
  command->add_option("--compare", options.compare,
                      "Another bundle: both models and the paired bootstrap of their difference");
  command->add_option("--json", arguments->json, "Write the report to a file ('-': print it)");
  command->footer(
      "Examples:\n  tessera evaluate --model model --data dataset --baselines\n"
      "  tessera evaluate --model model --data dataset --protocol sampled --negatives "
      "negatives.txt.gz\n"
      "  tessera evaluate --model model --data dataset --compare ids --json report.json");
  command->callback([arguments] { evaluate(*arguments); });
}

}  // namespace tessera
