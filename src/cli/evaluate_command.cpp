#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "eval/baselines.h"
#include "eval/code_statistics.h"
#include "eval/model_scorer.h"
#include "eval/slices.h"
#include "model/bundle.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct EvaluateArguments {
  std::string model, data, negatives, compare, json;
  std::string split = "test";
  std::string protocol = "full";
  std::uint64_t seed = 1;
  bool baselines = false;
};

// The dataset of an evaluation and how it ranks.
struct Evaluation {
  Dataset data;
  Split split = Split::test;
  bool sampled = false;
  Negatives negatives;

  std::vector<Rank> ranks(const Scorer& scorer) const {
    const ProgressFunction progress = shown_progress("ranking");
    return sampled ? rank_sampled(data, split, negatives, scorer, progress)
                   : rank_full(data, split, scorer, progress);
  }
  std::vector<Rank> ranks(const Bundle& bundle) const {
    return ranks(model_scorer(bundle.model, bundle.catalogue, data));
  }
};

Evaluation open_evaluation(const EvaluateArguments& arguments) {
  Evaluation evaluation;
  evaluation.data = read_dataset(arguments.data);
  evaluation.split = arguments.split == "test" ? Split::test : Split::validation;
  evaluation.sampled = arguments.protocol == "sampled";
  if (!evaluation.sampled && !arguments.negatives.empty()) {
    fail_usage("--negatives belongs to --protocol sampled");
  }
  if (evaluated_users(evaluation.data, evaluation.split).empty()) {
    fail("{}: no user has {} events, so there is nothing to evaluate", arguments.data,
         kMinEvaluatedEvents);
  }
  if (evaluation.sampled) {
    evaluation.negatives =
        arguments.negatives.empty()
            ? draw_negatives(evaluation.data, arguments.seed, drawable_negatives(evaluation.data))
            : read_negatives(arguments.negatives, evaluation.data);
  }
  return evaluation;
}

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

Json compare(const Evaluation& evaluation, std::span<const Rank> ranks,
             const EvaluateArguments& arguments,
             std::vector<std::pair<std::string, Metrics>>& rows) {
  const std::vector<Rank> others =
      evaluation.ranks(read_bundle_of(arguments.compare, evaluation.data));
  rows.emplace_back(arguments.compare, metrics_of(others));
  const PairedDifference difference = paired_bootstrap(ranks, others, arguments.seed);
  return {{"model", arguments.compare},
          {"HR@10", {difference.hr10, difference.hr10_low, difference.hr10_high}},
          {"NDCG@10", {difference.ndcg10, difference.ndcg10_low, difference.ndcg10_high}}};
}

// A bundle remembers every look at the test split: figures chosen by peeking would show.
void log_test_evaluation(const fs::path& bundle, const Json& report) {
  const fs::path file = bundle / "evaluations.jsonl";
  std::string log = fs::exists(file) ? read_file(file) : "";
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%FT%TZ", &utc);
  Json line = {{"time", time.data()}};
  for (const char* key : {"split", "protocol", "negatives", "users", "metrics"}) {
    line[key] = report.at(key);
  }
  write_file(file, log + dump_json(line) + "\n");
}

void evaluate(const EvaluateArguments& arguments) {
  const Evaluation evaluation = open_evaluation(arguments);
  const Bundle bundle = read_bundle_of(arguments.model, evaluation.data);
  const Settings& settings = bundle.model.settings;
  std::vector<std::pair<std::string, Metrics>> rows;
  const std::vector<Rank> ranks = evaluation.ranks(bundle);
  rows.emplace_back(arguments.model, metrics_of(ranks));
  const std::vector<Slice> slices = slice_metrics(evaluation.data, evaluation.split, ranks);
  for (const Slice& slice : slices) {
    if (slice.name != "cold" && slice.name != "warm") continue;
    rows.emplace_back(fmt::format("  {} ({})", slice.name, slice.metrics.users), slice.metrics);
  }

  const CodeStatistics statistics =
      code_statistics(bundle.catalogue.codes, bundle.catalogue.levels, settings.codebook_size);
  const TokenAccount account =
      token_account(bundle.items.size(), bundle.catalogue.levels, settings.codebook_size,
                    settings.semantic_width(), settings.id_width());
  Json report = {{"split", arguments.split},
                 {"protocol", arguments.protocol},
                 {"users", ranks.size()},
                 {"metrics", to_json(rows[0].second)},
                 {"tokens", to_json(statistics, account)},
                 {"slices", to_json(slices)},
                 {"simulated", evaluation.data.simulated}};
  report["negatives"] = !evaluation.sampled ? Json(nullptr)
                        : arguments.negatives.empty()
                            ? Json(fmt::format("drawn by seed {}", arguments.seed))
                            : Json(arguments.negatives);
  if (!arguments.compare.empty()) {
    report["difference"] = compare(evaluation, ranks, arguments, rows);
  }
  if (arguments.baselines) {
    const auto add = [&](const char* name, const Scorer& scorer) {
      rows.emplace_back(name, metrics_of(evaluation.ranks(scorer)));
      report["baselines"][name] = to_json(rows.back().second);
    };
    add("popularity", popularity_scorer(evaluation.data));
    add("item-kNN", item_knn_scorer(evaluation.data));
    add("sequential rules", sequential_rules_scorer(evaluation.data));
  }
  if (evaluation.split == Split::test) log_test_evaluation(arguments.model, report);
  if (arguments.json == "-") return print_json(report);
  if (!arguments.json.empty()) write_file(arguments.json, dump_json(report, 2) + "\n");

  fmt::print("{}{}: {} users, {} split, {} protocol ({} candidates)\n",
             printable(evaluation.data.name), evaluation.data.simulated ? " (simulated)" : "",
             grouped(ranks.size()), arguments.split, arguments.protocol,
             grouped(evaluation.sampled ? evaluation.negatives.per_user + 1
                                        : evaluation.data.items.size()));
  print_table(rows);
  if (report.contains("difference")) {
    for (const char* metric : {"HR@10", "NDCG@10"}) {
      const Json& d = report.at("difference").at(metric);
      fmt::print("{} difference {:+.4f}, 95 % of bootstrap samples in [{:+.4f}, {:+.4f}]\n", metric,
                 d.at(0).get<double>(), d.at(1).get<double>(), d.at(2).get<double>());
    }
  }
  print_tokens(statistics, account);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command = app.add_subcommand("evaluate", "Measure a model on held-out events");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  command->add_option("--data", arguments->data, "The dataset it was trained on")->required();
  command->add_option("--split", arguments->split, "Which held-out event to predict")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  command
      ->add_option("--protocol", arguments->protocol,
                   "full: among all items; sampled: among given negatives")
      ->check(CLI::IsMember({"full", "sampled"}))
      ->capture_default_str();
  command->add_option("--negatives", arguments->negatives,
                      "Negatives of the sampled protocol, 'user item item …' (default: 99 drawn by "
                      "--seed)");
  command->add_option("--seed", arguments->seed, "Seed of drawn negatives and of the bootstrap")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag(
      "--baselines", arguments->baselines,
      "Also popularity, item-kNN and sequential rules, fitted on the training events");
  command->add_option("--compare", arguments->compare,
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
