#include "eval/report.h"

#include <array>
#include <ctime>

#include "base/error.h"
#include "eval/baselines.h"
#include "eval/model_scorer.h"
#include "eval/slices.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// The dataset of an evaluation and how it ranks.
struct Evaluation {
  Dataset data;
  Split split = Split::test;
  bool sampled = false;
  Negatives negatives;
  const ProgressFunction& progress;

  std::vector<Rank> ranks(const Scorer& scorer) const {
    return sampled ? rank_sampled(data, split, negatives, scorer, progress)
                   : rank_full(data, split, scorer, progress);
  }
  std::vector<Rank> ranks(const Bundle& bundle) const {
    return ranks(model_scorer(bundle.model, bundle.catalogue, data));
  }
};

bool is_second(const char* option, const std::string& word, const char* first, const char* second) {
  if (word != first && word != second) {
    fail_usage("{} '{}': it must be {} or {}", option, word, first, second);
  }
  return word == second;
}

Evaluation open_evaluation(const EvaluateOptions& options) {
  const bool validation = is_second("--split", options.split, "test", "validation");
  const bool sampled = is_second("--protocol", options.protocol, "full", "sampled");
  if (!sampled && !options.negatives.empty()) {
    fail_usage("--negatives belongs to --protocol sampled");
  }
  Evaluation evaluation{read_dataset(options.data),
                        validation ? Split::validation : Split::test,
                        sampled,
                        {},
                        options.progress};
  if (evaluated_users(evaluation.data, evaluation.split).empty()) {
    fail("{}: no user has {} events, so there is nothing to evaluate", options.data.string(),
         kMinEvaluatedEvents);
  }
  if (sampled) {
    evaluation.negatives =
        options.negatives.empty()
            ? draw_negatives(evaluation.data, options.seed, drawable_negatives(evaluation.data))
            : read_negatives(options.negatives, evaluation.data);
  }
  return evaluation;
}

Json compare(const Evaluation& evaluation, std::span<const Rank> ranks,
             const EvaluateOptions& options, std::vector<std::pair<std::string, Metrics>>& rows) {
  const std::vector<Rank> others =
      evaluation.ranks(read_bundle_of(options.compare, evaluation.data));
  rows.emplace_back(options.compare.string(), metrics_of(others));
  const PairedDifference difference = paired_bootstrap(ranks, others, options.seed);
  return {{"model", options.compare.string()},
          {"HR@10", {difference.hr10, difference.hr10_low, difference.hr10_high}},
          {"NDCG@10", {difference.ndcg10, difference.ndcg10_low, difference.ndcg10_high}}};
}

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

}  // namespace

EvaluationReport evaluate(const EvaluateOptions& options) {
  const Evaluation evaluation = open_evaluation(options);
  const Bundle bundle = read_bundle_of(options.model, evaluation.data);
  const Settings& settings = bundle.model.settings;
  EvaluationReport report;
  report.data_name = evaluation.data.name;
  report.simulated = evaluation.data.simulated;
  report.candidates =
      evaluation.sampled ? evaluation.negatives.per_user + 1 : evaluation.data.items.size();
  auto& rows = report.rows;
  const std::vector<Rank> ranks = evaluation.ranks(bundle);
  rows.emplace_back(options.model.string(), metrics_of(ranks));
  const std::vector<Slice> slices = slice_metrics(evaluation.data, evaluation.split, ranks);
  for (const Slice& slice : slices) {
    if (slice.name != "cold" && slice.name != "warm") continue;
    rows.emplace_back(fmt::format("  {} ({})", slice.name, slice.metrics.users), slice.metrics);
  }
  report.statistics =
      code_statistics(bundle.catalogue.codes, bundle.catalogue.levels, settings.codebook_size);
  report.account = token_account(settings, bundle.items.size());
  Json& json = report.json;
  json = {{"split", options.split},
          {"protocol", options.protocol},
          {"users", ranks.size()},
          {"metrics", to_json(rows[0].second)},
          {"tokens", to_json(report.statistics, report.account)},
          {"slices", to_json(slices)},
          {"simulated", evaluation.data.simulated}};
  json["negatives"] = !evaluation.sampled ? Json(nullptr)
                      : options.negatives.empty()
                          ? Json(fmt::format("drawn by seed {}", options.seed))
                          : Json(options.negatives.string());
  if (!options.compare.empty()) {
    json["difference"] = compare(evaluation, ranks, options, rows);
  }
  if (options.baselines) {
    const auto add = [&](const char* name, const Scorer& scorer) {
      rows.emplace_back(name, metrics_of(evaluation.ranks(scorer)));
      json["baselines"][name] = to_json(rows.back().second);
    };
    add("popularity", popularity_scorer(evaluation.data));
    add("item-kNN", item_knn_scorer(evaluation.data));
    add("sequential rules", sequential_rules_scorer(evaluation.data));
  }
  if (evaluation.split == Split::test) log_test_evaluation(options.model, json);
  return report;
}

}  // namespace tessera
