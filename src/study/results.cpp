#include "study/results.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/error.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr const char* kMetricNames[] = {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"};

bool is_metric(const std::string& name) {
  return std::ranges::find(kMetricNames, name) != std::end(kMetricNames);
}

Json metrics_json(const Metrics& metrics) {
  Json json = to_json(metrics);
  json["users"] = metrics.users;
  return json;
}

Metrics metrics_of_json(const Json& json) { return metrics_from_json(json, json.at("users")); }

std::optional<double> of_level(const std::vector<double>& levels, const std::string& number) {
  const auto level = static_cast<std::size_t>(std::stoul(number));
  if (level == 0 || level > levels.size()) return std::nullopt;
  return levels[level - 1];
}

RunResult result_of(const Json& json) {
  RunResult result;
  json.at("epochs").get_to(result.epochs);
  json.at("best_epoch").get_to(result.best_epoch);
  json.at("seconds").at("train").get_to(result.train_seconds);
  json.at("seconds").at("evaluate").get_to(result.evaluate_seconds);
  result.validation = metrics_of_json(json.at("validation"));
  result.sampled = metrics_of_json(json.at("test").at("sampled"));
  result.full = metrics_of_json(json.at("test").at("full"));
  const Json& tokens = json.at("tokens");
  tokens.at("catalogue_parameters").get_to(result.account.catalogue_parameters);
  tokens.at("catalogue_bytes").get_to(result.account.catalogue_bytes);
  tokens.at("reduction").get_to(result.account.reduction);
  tokens.at("activation").get_to(result.codes.activation);
  tokens.at("perplexity").get_to(result.codes.perplexity);
  tokens.at("unique_share").get_to(result.codes.unique_share);
  tokens.at("distinct_share").get_to(result.codes.distinct_share);
  tokens.at("largest_collision").get_to(result.codes.largest_collision);
  for (const Json& point : json.at("curve")) {
    result.curve.push_back(
        {point.at("loss").get<double>(), metrics_of_json(point.at("validation"))});
  }
  for (const auto& [name, both] : json.at("baselines").items()) {
    result.baselines[name] = {metrics_of_json(both.at("sampled")),
                              metrics_of_json(both.at("full"))};
  }
  return result;
}

}  // namespace

std::size_t Study::finished() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(runs, [](const StudyRun& run) { return run.result.has_value(); }));
}

Study plan_study(StudyGrid grid, std::vector<StudyData> data, std::size_t seeds, bool quick) {
  Study study{quick, seeds, std::move(grid), std::move(data), {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (std::size_t d = 0; d < study.data.size(); ++d) {
      for (std::size_t v = 0; v < study.grid.variants.size(); ++v) {
        const Variant& variant = study.grid.variants[v];
        StudyRun run{d, v, variant.settings, "", {}};
        run.settings.seed = seed;
        run.name = fmt::format("{}/{}-{}", study.data[d].name, variant.name, seed);
        study.runs.push_back(std::move(run));
      }
    }
  }
  return study;
}

Estimate estimate_of(std::span<const double> values) {
  Estimate estimate{values.size(), 0, 0};
  if (values.empty()) return estimate;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) estimate.mean += value / count;
  if (values.size() == 1) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  estimate.deviation = std::sqrt(squares / (count - 1));
  return estimate;
}

std::optional<double> figure_of(const RunResult& result, const std::string& figure) {
  if (figure == "unique_share" || figure == "distinct_share") {
    if (result.codes.activation.empty()) return std::nullopt;
    return figure == "unique_share" ? result.codes.unique_share : result.codes.distinct_share;
  }
  if (figure == "catalogue_parameters") {
    return static_cast<double>(result.account.catalogue_parameters);
  }
  const std::size_t blank = figure.find(' ');
  const std::string first = figure.substr(0, blank);
  const std::string second = blank == std::string::npos ? "" : figure.substr(blank + 1);
  if (first == "activation") return of_level(result.codes.activation, second);
  if (first == "perplexity") return of_level(result.codes.perplexity, second);
  if ((first != "sampled" && first != "full") || !is_metric(second)) {
    throw std::out_of_range("no figure '" + figure + "'");
  }
  return to_json(first == "sampled" ? result.sampled : result.full).at(second).get<double>();
}

Estimate figure_of(const Study& study, std::size_t dataset, std::size_t variant,
                   const std::string& figure) {
  std::vector<double> values;
  for (const StudyRun& run : study.runs) {
    if (run.dataset != dataset || run.variant != variant || !run.result) continue;
    if (const auto value = figure_of(*run.result, figure)) values.push_back(*value);
  }
  return estimate_of(values);
}

const StudyRun* finished_run(const Study& study, std::size_t dataset, std::size_t variant) {
  for (const StudyRun& run : study.runs) {
    if (run.dataset == dataset && run.variant == variant && run.result) return &run;
  }
  return nullptr;
}

Json to_json(const RunResult& result) {
  Json curve = Json::array();
  for (const CurvePoint& point : result.curve) {
    curve.push_back({{"loss", point.loss}, {"validation", metrics_json(point.validation)}});
  }
  Json baselines = Json::object();
  for (const auto& [name, both] : result.baselines) {
    baselines[name] = {{"sampled", metrics_json(both.first)}, {"full", metrics_json(both.second)}};
  }
  return {
      {"epochs", result.epochs},
      {"best_epoch", result.best_epoch},
      {"seconds", {{"train", result.train_seconds}, {"evaluate", result.evaluate_seconds}}},
      {"validation", metrics_json(result.validation)},
      {"test", {{"sampled", metrics_json(result.sampled)}, {"full", metrics_json(result.full)}}},
      {"tokens", to_json(TokenStatistics{result.account, result.codes, {}})},
      {"curve", curve},
      {"baselines", baselines}};
}

RunResult result_from_json(const Json& json, const std::string& source) {
  try {
    return result_of(json);
  } catch (const Json::exception&) {
    fail("{}: damaged: remove it, and the model is measured again", source);
  }
}

std::vector<CurvePoint> read_curve(const fs::path& file) {
  std::vector<CurvePoint> curve;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", file.string(), number);
    const Json json = parse_json(line, where);
    try {
      curve.push_back(
          {json.at("loss").at("total").get<double>(), metrics_from_json(json.at("validation"), 0)});
    } catch (const Json::exception&) {
      fail("{}: not an epoch's loss and validation: train this model again", where);
    }
  });
  return curve;
}

}  // namespace tessera
