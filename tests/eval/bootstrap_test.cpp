#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/random.h"

namespace tessera {
namespace {

// Places among the headlines.
constexpr std::size_t kHr10 = 0;
constexpr std::size_t kNdcg10 = 1;

std::vector<TargetPlace> random_places(std::size_t users, std::uint64_t below, std::uint64_t seed) {
  Random random(seed);
  std::vector<TargetPlace> places(users);
  for (TargetPlace& place : places) place.better = static_cast<std::uint32_t>(random.below(below));
  return places;
}

TEST(Bootstrap, OfHitsHasTheQuantilesOfTheBinomial) {
  // 50 of 100 users hit: resampled hits are binomial (100, 1/2), whose 2.5 % and 97.5 % quantiles
  // are 40 and 60.
  std::vector<TargetPlace> places(100, TargetPlace{0, 0});
  std::fill_n(places.begin(), 50, TargetPlace{10, 0});
  const Intervals intervals = bootstrap(places, 1, 20'000);
  EXPECT_NEAR(intervals[kHr10].low, 0.40, 0.011);
  EXPECT_NEAR(intervals[kHr10].high, 0.60, 0.011);
  EXPECT_EQ(intervals[kNdcg10].low, intervals[kHr10].low) << "a hit at rank 1 counts 1 in both";
}

TEST(Bootstrap, OfUsersWhoAreAllAlikeHasNoWidth) {
  const std::vector<TargetPlace> places(30, TargetPlace{2, 0});
  const Intervals intervals = bootstrap(places, 1);
  EXPECT_EQ(intervals[kHr10].low, 1.0);
  EXPECT_EQ(intervals[kHr10].high, 1.0);
  EXPECT_NEAR(intervals[kNdcg10].low, 0.5, 1e-12);
  EXPECT_NEAR(intervals[kNdcg10].high, 0.5, 1e-12);
}

TEST(Bootstrap, OfNoUsersIsZero) { EXPECT_EQ(bootstrap({}, 1)[kNdcg10].high, 0.0); }

TEST(Bootstrap, IsThatOfTheDifferenceFromASystemThatNeverHits) {
  const std::vector<TargetPlace> places = random_places(200, 20, 4);
  const std::vector<TargetPlace> never(200, TargetPlace{50, 0});
  EXPECT_EQ(to_json(bootstrap(places, 9)), to_json(paired_bootstrap(places, never, 9).interval));
  EXPECT_NE(to_json(bootstrap(places, 9)), to_json(bootstrap(places, 10)));
}

TEST(PairedBootstrap, OfASystemWithItselfIsZero) {
  const std::vector<TargetPlace> places = random_places(300, 30, 1);
  const PairedDifference same = paired_bootstrap(places, places, 1);
  for (const double value :
       {same.mean[kHr10], same.interval[kHr10].low, same.interval[kHr10].high, same.mean[kNdcg10],
        same.interval[kNdcg10].low, same.interval[kNdcg10].high}) {
    EXPECT_EQ(value, 0.0);
  }
}

TEST(PairedBootstrap, GivesTheDifferenceOfMeansInsideItsInterval) {
  const std::vector<TargetPlace> a = random_places(400, 20, 1);
  const std::vector<TargetPlace> b = random_places(400, 40, 2);
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.mean[kHr10], metrics_of(a).at("HR@10") - metrics_of(b).at("HR@10"), 1e-12);
  EXPECT_NEAR(difference.mean[kNdcg10], metrics_of(a).at("NDCG@10") - metrics_of(b).at("NDCG@10"),
              1e-12);
  EXPECT_GT(difference.interval[kHr10].low, 0.0);  // half against a quarter: a is better
  EXPECT_LT(difference.interval[kHr10].low, difference.mean[kHr10]);
  EXPECT_LT(difference.mean[kHr10], difference.interval[kHr10].high);
  EXPECT_LT(difference.interval[kNdcg10].low, difference.mean[kNdcg10]);
  EXPECT_LT(difference.mean[kNdcg10], difference.interval[kNdcg10].high);

  const PairedDifference swapped = paired_bootstrap(b, a, 3);
  EXPECT_NEAR(swapped.mean[kHr10], -difference.mean[kHr10], 1e-12);
  EXPECT_NEAR(swapped.interval[kHr10].low, -difference.interval[kHr10].high, 1e-12);
}

TEST(PairedBootstrap, HasTheWidthOfTheNormalInterval) {
  const std::vector<TargetPlace> a = random_places(2'000, 20, 1);  // hits with chance 1/2
  const std::vector<TargetPlace> never(2'000, TargetPlace{50, 0});
  const PairedDifference difference = paired_bootstrap(a, never, 3);
  const double half =
      1.96 * std::sqrt(difference.mean[kHr10] * (1 - difference.mean[kHr10]) / 2'000);
  EXPECT_NEAR(difference.interval[kHr10].high - difference.interval[kHr10].low, 2 * half,
              0.3 * half);
}

TEST(PairedBootstrap, ComparesUserByUser) {
  // Equal means, every user ranked differently: the difference is zero but not certain.
  const std::vector<TargetPlace> a = random_places(200, 20, 1);
  const std::vector<TargetPlace> b(a.rbegin(), a.rend());
  const PairedDifference difference = paired_bootstrap(a, b, 3);
  EXPECT_NEAR(difference.mean[kHr10], 0.0, 1e-12);
  EXPECT_LT(difference.interval[kHr10].low, -0.03);
  EXPECT_GT(difference.interval[kHr10].high, 0.03);
}

TEST(PairedBootstrap, FollowsTheSeed) {
  const std::vector<TargetPlace> a = random_places(100, 20, 1);
  const std::vector<TargetPlace> b = random_places(100, 20, 2);
  const PairedDifference first = paired_bootstrap(a, b, 1);
  const PairedDifference again = paired_bootstrap(a, b, 1);
  const PairedDifference other = paired_bootstrap(a, b, 2);
  EXPECT_EQ(first.interval[kNdcg10].low, again.interval[kNdcg10].low);
  EXPECT_EQ(first.interval[kNdcg10].high, again.interval[kNdcg10].high);
  EXPECT_NE(first.interval[kNdcg10].low, other.interval[kNdcg10].low);
}

TEST(PairedBootstrap, RefusesSystemsOfDifferentUsers) {
  EXPECT_THROW(paired_bootstrap(random_places(3, 9, 1), random_places(4, 9, 1), 1),
               std::logic_error);
}

TEST(PairedBootstrap, OfNoUsersIsZero) {
  EXPECT_EQ(paired_bootstrap({}, {}, 1).interval[kHr10].high, 0.0);
}

}  // namespace
}  // namespace tessera
