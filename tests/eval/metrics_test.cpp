#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/random.h"

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

std::vector<Rank> random_ranks(std::size_t users, std::uint64_t below, std::uint64_t seed) {
  Random random(seed);
  std::vector<Rank> ranks(users);
  for (Rank& rank : ranks) rank.better = static_cast<std::uint32_t>(random.below(below));
  return ranks;
}

TEST(PairedBootstrap, OfASystemWithItselfIsZero) {
  const std::vector<Rank> ranks = random_ranks(300, 30, 1);
  const PairedDifference same = paired_bootstrap(ranks, ranks, 1);
  for (const double value :
       {same.hr10, same.hr10_low, same.hr10_high, same.ndcg10, same.ndcg10_low, same.ndcg10_high}) {
    EXPECT_EQ(value, 0.0);
  }
}

TEST(PairedBootstrap, GivesTheDifferenceOfMeansInsideItsInterval) {
  const std::vector<Rank> a = random_ranks(400, 20, 1);
  const std::vector<Rank> b = random_ranks(400, 40, 2);
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.hr10, metrics_of(a).hr10 - metrics_of(b).hr10, 1e-12);
  EXPECT_NEAR(difference.ndcg10, metrics_of(a).ndcg10 - metrics_of(b).ndcg10, 1e-12);
  EXPECT_GT(difference.hr10_low, 0.0);  // half against a quarter: a is better
  EXPECT_LT(difference.hr10_low, difference.hr10);
  EXPECT_LT(difference.hr10, difference.hr10_high);
  EXPECT_LT(difference.ndcg10_low, difference.ndcg10);
  EXPECT_LT(difference.ndcg10, difference.ndcg10_high);

  const PairedDifference swapped = paired_bootstrap(b, a, 3);
  EXPECT_NEAR(swapped.hr10, -difference.hr10, 1e-12);
  EXPECT_NEAR(swapped.hr10_low, -difference.hr10_high, 1e-12);
}

TEST(PairedBootstrap, HasTheWidthOfTheNormalInterval) {
  const std::vector<Rank> a = random_ranks(2'000, 20, 1);  // hits with chance 1/2
  const std::vector<Rank> never(2'000, Rank{50, 0});
  const PairedDifference difference = paired_bootstrap(a, never, 3);
  const double half = 1.96 * std::sqrt(difference.hr10 * (1 - difference.hr10) / 2'000);
  EXPECT_NEAR(difference.hr10_high - difference.hr10_low, 2 * half, 0.3 * half);
}

TEST(PairedBootstrap, ComparesUserByUser) {
  // Equal means, every user ranked differently: the difference is zero but not certain.
  const std::vector<Rank> a = random_ranks(200, 20, 1);
  const std::vector<Rank> b(a.rbegin(), a.rend());
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.hr10, 0.0, 1e-12);
  EXPECT_LT(difference.hr10_low, -0.03);
  EXPECT_GT(difference.hr10_high, 0.03);
}

TEST(PairedBootstrap, FollowsTheSeed) {
  const std::vector<Rank> a = random_ranks(100, 20, 1);
  const std::vector<Rank> b = random_ranks(100, 20, 2);
  const PairedDifference first = paired_bootstrap(a, b, 1);
  const PairedDifference again = paired_bootstrap(a, b, 1);
  const PairedDifference other = paired_bootstrap(a, b, 2);
  EXPECT_EQ(first.ndcg10_low, again.ndcg10_low);
  EXPECT_EQ(first.ndcg10_high, again.ndcg10_high);
  EXPECT_NE(first.ndcg10_low, other.ndcg10_low);
}

TEST(PairedBootstrap, RefusesSystemsOfDifferentUsers) {
  EXPECT_THROW(paired_bootstrap(random_ranks(3, 9, 1), random_ranks(4, 9, 1), 1), std::logic_error);
}

TEST(PairedBootstrap, OfNoUsersIsZero) { EXPECT_EQ(paired_bootstrap({}, {}, 1).hr10_high, 0.0); }

}  // namespace
}  // namespace tessera
