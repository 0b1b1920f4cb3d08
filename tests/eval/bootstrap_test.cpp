#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/random.h"

namespace tessera {
namespace {

std::vector<Rank> random_ranks(std::size_t users, std::uint64_t below, std::uint64_t seed) {
  Random random(seed);
  std::vector<Rank> ranks(users);
  for (Rank& rank : ranks) rank.better = static_cast<std::uint32_t>(random.below(below));
  return ranks;
}

TEST(Bootstrap, OfHitsHasTheQuantilesOfTheBinomial) {
  // 50 of 100 users hit: resampled hits are binomial (100, 1/2), whose 2.5 % and 97.5 % quantiles
  // are 40 and 60.
  std::vector<Rank> ranks(100, Rank{0, 0});
  std::fill_n(ranks.begin(), 50, Rank{10, 0});
  const Intervals intervals = bootstrap(ranks, 1, 20'000);
  EXPECT_NEAR(intervals.hr10.low, 0.40, 0.011);
  EXPECT_NEAR(intervals.hr10.high, 0.60, 0.011);
  EXPECT_EQ(intervals.ndcg10.low, intervals.hr10.low) << "a hit at rank 1 counts 1 in both";
}

TEST(Bootstrap, OfUsersWhoAreAllAlikeHasNoWidth) {
  const std::vector<Rank> ranks(30, Rank{2, 0});
  const Intervals intervals = bootstrap(ranks, 1);
  EXPECT_EQ(intervals.hr10.low, 1.0);
  EXPECT_EQ(intervals.hr10.high, 1.0);
  EXPECT_NEAR(intervals.ndcg10.low, 0.5, 1e-12);
  EXPECT_NEAR(intervals.ndcg10.high, 0.5, 1e-12);
}

TEST(Bootstrap, OfNoUsersIsZero) { EXPECT_EQ(bootstrap({}, 1).ndcg10.high, 0.0); }

TEST(Bootstrap, IsThatOfTheDifferenceFromASystemThatNeverHits) {
  const std::vector<Rank> ranks = random_ranks(200, 20, 4);
  const std::vector<Rank> never(200, Rank{50, 0});
  EXPECT_EQ(to_json(bootstrap(ranks, 9)), to_json(paired_bootstrap(ranks, never, 9).interval));
  EXPECT_NE(to_json(bootstrap(ranks, 9)), to_json(bootstrap(ranks, 10)));
}

TEST(PairedBootstrap, OfASystemWithItselfIsZero) {
  const std::vector<Rank> ranks = random_ranks(300, 30, 1);
  const PairedDifference same = paired_bootstrap(ranks, ranks, 1);
  for (const double value : {same.hr10, same.interval.hr10.low, same.interval.hr10.high,
                             same.ndcg10, same.interval.ndcg10.low, same.interval.ndcg10.high}) {
    EXPECT_EQ(value, 0.0);
  }
}

TEST(PairedBootstrap, GivesTheDifferenceOfMeansInsideItsInterval) {
  const std::vector<Rank> a = random_ranks(400, 20, 1);
  const std::vector<Rank> b = random_ranks(400, 40, 2);
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.hr10, metrics_of(a).hr10 - metrics_of(b).hr10, 1e-12);
  EXPECT_NEAR(difference.ndcg10, metrics_of(a).ndcg10 - metrics_of(b).ndcg10, 1e-12);
  EXPECT_GT(difference.interval.hr10.low, 0.0);  // half against a quarter: a is better
  EXPECT_LT(difference.interval.hr10.low, difference.hr10);
  EXPECT_LT(difference.hr10, difference.interval.hr10.high);
  EXPECT_LT(difference.interval.ndcg10.low, difference.ndcg10);
  EXPECT_LT(difference.ndcg10, difference.interval.ndcg10.high);

  const PairedDifference swapped = paired_bootstrap(b, a, 3);
  EXPECT_NEAR(swapped.hr10, -difference.hr10, 1e-12);
  EXPECT_NEAR(swapped.interval.hr10.low, -difference.interval.hr10.high, 1e-12);
}

TEST(PairedBootstrap, HasTheWidthOfTheNormalInterval) {
  const std::vector<Rank> a = random_ranks(2'000, 20, 1);  // hits with chance 1/2
  const std::vector<Rank> never(2'000, Rank{50, 0});
  const PairedDifference difference = paired_bootstrap(a, never, 3);
  const double half = 1.96 * std::sqrt(difference.hr10 * (1 - difference.hr10) / 2'000);
  EXPECT_NEAR(difference.interval.hr10.high - difference.interval.hr10.low, 2 * half, 0.3 * half);
}

TEST(PairedBootstrap, ComparesUserByUser) {
  // Equal means, every user ranked differently: the difference is zero but not certain.
  const std::vector<Rank> a = random_ranks(200, 20, 1);
  const std::vector<Rank> b(a.rbegin(), a.rend());
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.hr10, 0.0, 1e-12);
  EXPECT_LT(difference.interval.hr10.low, -0.03);
  EXPECT_GT(difference.interval.hr10.high, 0.03);
}

TEST(PairedBootstrap, FollowsTheSeed) {
  const std::vector<Rank> a = random_ranks(100, 20, 1);
  const std::vector<Rank> b = random_ranks(100, 20, 2);
  const PairedDifference first = paired_bootstrap(a, b, 1);
  const PairedDifference again = paired_bootstrap(a, b, 1);
  const PairedDifference other = paired_bootstrap(a, b, 2);
  EXPECT_EQ(first.interval.ndcg10.low, again.interval.ndcg10.low);
  EXPECT_EQ(first.interval.ndcg10.high, again.interval.ndcg10.high);
  EXPECT_NE(first.interval.ndcg10.low, other.interval.ndcg10.low);
}

TEST(PairedBootstrap, RefusesSystemsOfDifferentUsers) {
  EXPECT_THROW(paired_bootstrap(random_ranks(3, 9, 1), random_ranks(4, 9, 1), 1), std::logic_error);
}

TEST(PairedBootstrap, OfNoUsersIsZero) {
  EXPECT_EQ(paired_bootstrap({}, {}, 1).interval.hr10.high, 0.0);
}

}  // namespace
}  // namespace tessera
