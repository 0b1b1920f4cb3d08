#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

// The definition: each metric is the mean of its value at ranks better + 1 … better + 1 + tied.
Metrics by_definition(Rank rank) {
  Metrics sum;
  sum.users = 1;
  const double share = 1.0 / (rank.tied + 1.0);
  for (std::uint32_t t = 0; t <= rank.tied; ++t) {
    const double place = rank.better + 1.0 + t;
    const double gain = 1.0 / std::log2(1.0 + place);
    sum.hr1 += share * (place <= 1 ? 1 : 0);
    sum.hr5 += share * (place <= 5 ? 1 : 0);
    sum.hr10 += share * (place <= 10 ? 1 : 0);
    sum.ndcg5 += share * (place <= 5 ? gain : 0);
    sum.ndcg10 += share * (place <= 10 ? gain : 0);
    sum.mrr += share / place;
  }
  return sum;
}

void expect_near(const Metrics& a, const Metrics& b, double tolerance) {
  EXPECT_EQ(a.users, b.users);
  EXPECT_NEAR(a.hr1, b.hr1, tolerance);
  EXPECT_NEAR(a.hr5, b.hr5, tolerance);
  EXPECT_NEAR(a.hr10, b.hr10, tolerance);
  EXPECT_NEAR(a.ndcg5, b.ndcg5, tolerance);
  EXPECT_NEAR(a.ndcg10, b.ndcg10, tolerance);
  EXPECT_NEAR(a.mrr, b.mrr, tolerance);
}

TEST(Metrics, AtKnownRanksAreTheTextbookValues) {
  expect_near(metrics_of(Rank{0, 0}), {1, 1, 1, 1, 1, 1, 1}, 1e-12);
  expect_near(metrics_of(Rank{2, 0}), {1, 0, 1, 1, 0.5, 0.5, 1.0 / 3}, 1e-12);
  expect_near(metrics_of(Rank{4, 0}), {1, 0, 1, 1, 1 / std::log2(6.0), 1 / std::log2(6.0), 0.2},
              1e-12);
  expect_near(metrics_of(Rank{5, 0}), {1, 0, 0, 1, 0, 1 / std::log2(7.0), 1.0 / 6}, 1e-12);
  expect_near(metrics_of(Rank{9, 0}), {1, 0, 0, 1, 0, 1 / std::log2(11.0), 0.1}, 1e-12);
  expect_near(metrics_of(Rank{10, 0}), {1, 0, 0, 0, 0, 0, 1.0 / 11}, 1e-12);
}

TEST(Metrics, AtTiesAreMeansOverTheTiedRanks) {
  for (std::uint32_t better = 0; better < 14; ++better) {
    for (std::uint32_t tied = 0; tied < 25; ++tied) {
      expect_near(metrics_of(Rank{better, tied}), by_definition({better, tied}), 1e-12);
    }
  }
}

TEST(Metrics, StayExactAtThousandsOfTies) {
  for (const std::uint32_t better : {0U, 1U, 7U, 300U, 12'000U}) {
    for (const std::uint32_t tied : {999U, 1'000U, 1'001U, 12'100U, 1'000'000U}) {
      expect_near(metrics_of(Rank{better, tied}), by_definition({better, tied}), 1e-11);
    }
  }
}

TEST(Metrics, OfAConstantScoreAreThoseOfChance) {
  const Metrics chance = metrics_of(Rank{0, 99});
  EXPECT_NEAR(chance.hr1, 0.01, 1e-12);
  EXPECT_NEAR(chance.hr5, 0.05, 1e-12);
  EXPECT_NEAR(chance.hr10, 0.10, 1e-12);
}

TEST(Metrics, OfUsersAreMeans) {
  const std::vector<Rank> ranks = {{0, 0}, {3, 2}, {50, 0}};
  const Metrics mean = metrics_of(ranks);
  EXPECT_EQ(mean.users, 3U);
  EXPECT_NEAR(mean.hr1, 1.0 / 3, 1e-12);
  EXPECT_NEAR(mean.hr5, (1.0 + 2.0 / 3) / 3, 1e-12);
  EXPECT_NEAR(mean.hr10, 2.0 / 3, 1e-12);
  EXPECT_NEAR(mean.mrr, (1.0 + (1.0 / 4 + 1.0 / 5 + 1.0 / 6) / 3 + 1.0 / 51) / 3, 1e-12);
  expect_near(metrics_of(std::span<const Rank>()), {}, 0.0);
}

TEST(Metrics, GoToJsonAndBack) {
  const std::vector<Rank> ranks = {{0, 1}, {7, 2}};
  const Metrics metrics = metrics_of(ranks);
  const nlohmann::json json = to_json(metrics);
  EXPECT_EQ(json.size(), 6U);
  EXPECT_EQ(json.at("HR@1"), metrics.hr1);
  EXPECT_EQ(json.at("NDCG@10"), metrics.ndcg10);
  expect_near(metrics_from_json(json, 2), metrics, 0.0);
}

}  // namespace
}  // namespace tessera
