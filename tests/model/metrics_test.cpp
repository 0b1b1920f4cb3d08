#include "model/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tessera {
namespace {

// The definition: each metric is the mean of its value at places better + 1 … better + 1 + tied.
Metrics by_definition(TargetPlace place) {
  Metrics sum;
  sum.users = 1;
  auto& [hr1, hr5, hr10, ndcg5, ndcg10, mrr] = sum.values;
  const double share = 1.0 / (place.tied + 1.0);
  for (std::uint32_t t = 0; t <= place.tied; ++t) {
    const double at = place.better + 1.0 + t;
    const double gain = 1.0 / std::log2(1.0 + at);
    hr1 += share * (at <= 1 ? 1 : 0);
    hr5 += share * (at <= 5 ? 1 : 0);
    hr10 += share * (at <= 10 ? 1 : 0);
    ndcg5 += share * (at <= 5 ? gain : 0);
    ndcg10 += share * (at <= 10 ? gain : 0);
    mrr += share / at;
  }
  return sum;
}

void expect_near(const Metrics& a, const Metrics& b, double tolerance) {
  EXPECT_EQ(a.users, b.users);
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    EXPECT_NEAR(a.values[m], b.values[m], tolerance) << kMetrics[m].name;
  }
}

TEST(Metrics, AtKnownPlacesAreTheTextbookValues) {
  const auto expect = [](TargetPlace place, const std::array<double, 6>& values) {
    expect_near(metrics_of(place), {1, values}, 1e-12);
  };
  expect({0, 0}, {1, 1, 1, 1, 1, 1});
  expect({2, 0}, {0, 1, 1, 0.5, 0.5, 1.0 / 3});
  expect({4, 0}, {0, 1, 1, 1 / std::log2(6.0), 1 / std::log2(6.0), 0.2});
  expect({5, 0}, {0, 0, 1, 0, 1 / std::log2(7.0), 1.0 / 6});
  expect({9, 0}, {0, 0, 1, 0, 1 / std::log2(11.0), 0.1});
  expect({10, 0}, {0, 0, 0, 0, 0, 1.0 / 11});
}

TEST(Metrics, AtTiesAreMeansOverTheTiedPlaces) {
  for (std::uint32_t better = 0; better < 14; ++better) {
    for (std::uint32_t tied = 0; tied < 25; ++tied) {
      expect_near(metrics_of(TargetPlace{better, tied}), by_definition({better, tied}), 1e-12);
    }
  }
}

TEST(Metrics, StayExactAtThousandsOfTies) {
  for (const std::uint32_t better : {0U, 1U, 7U, 300U, 12'000U}) {
    for (const std::uint32_t tied : {999U, 1'000U, 1'001U, 12'100U, 1'000'000U}) {
      expect_near(metrics_of(TargetPlace{better, tied}), by_definition({better, tied}), 1e-11);
    }
  }
}

TEST(Metrics, OfAMissedTargetAreZero) {
  EXPECT_EQ(metrics_of(kMissed).users, 1U);
  for (const double value : metrics_of(kMissed).values) EXPECT_EQ(value, 0.0);
}

TEST(Metrics, OfAConstantScoreAreThoseOfChance) {
  const Metrics chance = metrics_of(TargetPlace{0, 99});
  EXPECT_NEAR(chance.at("HR@1"), 0.01, 1e-12);
  EXPECT_NEAR(chance.at("HR@5"), 0.05, 1e-12);
  EXPECT_NEAR(chance.at("HR@10"), 0.10, 1e-12);
}

TEST(Metrics, OfUsersAreMeans) {
  const std::vector<TargetPlace> places = {{0, 0}, {3, 2}, {50, 0}};
  const Metrics mean = metrics_of(places);
  EXPECT_EQ(mean.users, 3U);
  EXPECT_NEAR(mean.at("HR@1"), 1.0 / 3, 1e-12);
  EXPECT_NEAR(mean.at("HR@5"), (1.0 + 2.0 / 3) / 3, 1e-12);
  EXPECT_NEAR(mean.at("HR@10"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(mean.at("MRR"), (1.0 + (1.0 / 4 + 1.0 / 5 + 1.0 / 6) / 3 + 1.0 / 51) / 3, 1e-12);
  expect_near(metrics_of(std::span<const TargetPlace>()), {}, 0.0);
}

TEST(Metrics, GoToJsonAndBack) {
  const std::vector<TargetPlace> places = {{0, 1}, {7, 2}};
  const Metrics metrics = metrics_of(places);
  const nlohmann::json json = to_json(metrics);
  EXPECT_EQ(json.size(), 6U);
  EXPECT_EQ(json.at("HR@1"), metrics.at("HR@1"));
  EXPECT_EQ(json.at("NDCG@10"), metrics.at("NDCG@10"));
  expect_near(metrics_from_json(json, 2), metrics, 0.0);
}

// A checkpoint of a version that knew fewer still opens.
TEST(Metrics, ThatWereNotMeasuredAreZero) {
  EXPECT_EQ(metrics_from_json({{"HR@10", 0.5}}, 2).at("HR@10"), 0.5);
  EXPECT_EQ(metrics_from_json({{"HR@10", 0.5}}, 2).at("MRR"), 0.0);
}

TEST(Metrics, HaveNamesAndAreShownByThem) {
  EXPECT_EQ(metric_names().size(), kMetrics.size());
  EXPECT_EQ(metric_names(Shown::epoch), (std::vector<std::string>{"HR@10", "NDCG@10", "MRR"}));
  EXPECT_EQ(metrics_line(metrics_of(TargetPlace{2, 0}), Shown::interval, ", "),
            "HR@10 1.0000, NDCG@10 0.5000");
  EXPECT_EQ(headline_name(1), "NDCG@10");
  EXPECT_THROW(Metrics().at("HR@7"), std::out_of_range);
}

}  // namespace
}  // namespace tessera
