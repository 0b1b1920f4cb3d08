#include "eval/tuning.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "testing/datasets.h"

namespace tessera {
namespace {

using Setting = std::vector<double>;
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

const std::vector<Axis> kAxes = {{"a", {0, 1, 2, 3}}, {"b", {10, 20, 30}}, {"c", {kNoLimit, 5}}};

/// Highest at (2, 30, 5), each axis by itself.
Metrics hill(std::span<const double> setting) {
  Metrics metrics;
  metrics.values[metric_number("NDCG@10")] = 0.5 - 0.1 * std::abs(setting[0] - 2) -
                                             0.005 * (30 - setting[1]) -
                                             (setting[2] == 5 ? 0.0 : 0.05);
  metrics.values[metric_number("HR@10")] = 1.0 - metrics.at("NDCG@10");
  return metrics;
}

TEST(Search, ClimbsAxisByAxis) {
  const std::vector<Trial> trials = search(kAxes, 100, "NDCG@10", hill);
  EXPECT_EQ(trials.front().setting, (Setting{0, 10, kNoLimit})) << "the customary one first";
  EXPECT_EQ(best_of(trials, "NDCG@10").setting, (Setting{2, 30, 5}));
  EXPECT_LT(trials.size(), 4U * 3 * 2) << "not the whole grid";
  std::set<Setting> seen;
  for (const Trial& trial : trials) {
    EXPECT_TRUE(seen.insert(trial.setting).second) << "twice the same";
    EXPECT_EQ(trial.validation.at("NDCG@10"), hill(trial.setting).at("NDCG@10"));
  }
  EXPECT_EQ(best_of(search(kAxes, 100, "HR@10", hill), "HR@10").setting,
            (Setting{0, 10, kNoLimit}));
}

TEST(Search, GoesRoundUntilNothingIsLeftToTry) {
  // b pays only once c is 5, which comes later in the round.
  const auto coupled = [](std::span<const double> setting) {
    Metrics metrics;
    metrics.values[metric_number("MRR")] = setting[2] == 5 ? 0.1 + 0.01 * setting[1] : 0.05;
    return metrics;
  };
  EXPECT_EQ(best_of(search(kAxes, 100, "MRR", coupled), "MRR").setting, (Setting{0, 30, 5}));
}

TEST(Search, KeepsToItsBudget) {
  for (const std::size_t budget : {1U, 2U, 5U, 8U}) {
    EXPECT_EQ(search(kAxes, budget, "NDCG@10", hill).size(), budget);
  }
}

TEST(Search, TakesTheFirstOfEquals) {
  const auto flat = [](std::span<const double>) { return Metrics{}; };
  EXPECT_EQ(best_of(search(kAxes, 100, "MRR", flat), "MRR").setting, (Setting{0, 10, kNoLimit}));
}

TEST(SettingJson, SaysAllWhereThereIsNoLimit) {
  EXPECT_EQ(setting_json(kAxes, Setting{0.5, 20, kNoLimit}),
            (nlohmann::json{{"a", 0.5}, {"b", 20}, {"c", "all"}}));
}

TEST(BaselineFamilies, StartFromTheCustomarySettings) {
  std::vector<std::vector<std::int32_t>> histories;
  for (std::int32_t u = 0; u < 40; ++u) {
    std::vector<std::int32_t> history;
    for (std::int32_t e = 0; e < 4 + u % 5; ++e) history.push_back((u * 7 + e * (1 + u % 3)) % 12);
    histories.push_back(history);
  }
  const Dataset data = testing::dataset_of(histories, 12);
  const auto metrics = [&](const Scorer& scorer) {
    return to_json(metrics_of(rank_full(data, Split::test, scorer)));
  };
  std::set<nlohmann::json> customary = {metrics(item_knn_scorer(data)),
                                        metrics(sequential_rules_scorer(data))};
  ASSERT_EQ(customary.size(), 2U);
  for (const BaselineFamily& family : baseline_families()) {
    Setting first;
    Setting last;
    for (const Axis& axis : family.axes) {
      first.push_back(axis.values.front());
      last.push_back(axis.values.back());
    }
    EXPECT_EQ(customary.erase(metrics(family.make(data, first))), 1U) << family.name;
    EXPECT_NE(metrics(family.make(data, last)), metrics(family.make(data, first)));
  }
}

}  // namespace
}  // namespace tessera
