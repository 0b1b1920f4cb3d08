#include "eval/tuning.h"

#include <algorithm>
#include <cmath>

namespace tessera {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

std::size_t count_of(double value) {
  return value == kNoLimit ? kAll : static_cast<std::size_t>(value);
}

Scorer make_item_knn(const Dataset& data, std::span<const double> setting) {
  return item_knn_scorer(data, {.keep = count_of(setting[1]),
                                .shrink = setting[2],
                                .history = count_of(setting[3]),
                                .decay = setting[0]});
}

Scorer make_sequential_rules(const Dataset& data, std::span<const double> setting) {
  return sequential_rules_scorer(data, {.window = count_of(setting[2]),
                                        .keep = count_of(setting[1]),
                                        .history = count_of(setting[3]),
                                        .decay = setting[0]});
}

}  // namespace

const Trial& best_of(std::span<const Trial> trials, const std::string& goal) {
  return *std::ranges::max_element(trials, {},
                                   [&](const Trial& trial) { return trial.validation.at(goal); });
}

std::vector<Trial> search(std::span<const Axis> axes, std::size_t budget, const std::string& goal,
                          const std::function<Metrics(std::span<const double>)>& measure) {
  std::vector<Trial> trials;
  const auto try_setting = [&](const std::vector<double>& setting) {
    const bool known = std::ranges::find(trials, setting, &Trial::setting) != trials.end();
    if (!known && trials.size() < budget) trials.push_back({setting, measure(setting)});
  };
  std::vector<double> start;
  for (const Axis& axis : axes) start.push_back(axis.values.front());
  trials.push_back({start, measure(start)});
  std::size_t before = 0;
  while (before < trials.size() && trials.size() < budget) {
    before = trials.size();
    for (std::size_t a = 0; a < axes.size(); ++a) {
      std::vector<double> setting = best_of(trials, goal).setting;
      for (const double value : axes[a].values) {
        setting[a] = value;
        try_setting(setting);
      }
    }
  }
  return trials;
}

std::vector<BaselineFamily> baseline_families() {
  return {{"item-kNN",
           {{"decay", {0, 1, 2, 0.5}},
            {"keep", {kNoLimit, 100, 50}},
            {"shrink", {0, 2, 10}},
            {"history", {kNoLimit, 10, 5}}},
           make_item_knn},
          {"sequential rules",
           {{"decay", {1, 2, 0.5}},
            {"keep", {100, kNoLimit}},
            {"window", {20, 10, 30}},
            {"history", {10, 20, 5}}},
           make_sequential_rules}};
}

nlohmann::json setting_json(std::span<const Axis> axes, std::span<const double> setting) {
  nlohmann::json json;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const double value = setting[a];
    const bool whole = std::trunc(value) == value;
    json[axes[a].name] = value == kNoLimit ? nlohmann::json("all")
                         : whole           ? nlohmann::json(static_cast<std::int64_t>(value))
                                           : nlohmann::json(value);
  }
  return json;
}

}  // namespace tessera
