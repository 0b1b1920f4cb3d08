#include "eval/popularity.h"

#include <gtest/gtest.h>

#include "testing/datasets.h"

namespace tessera {
namespace {

using Groups = std::vector<PopularityGroup>;
using enum PopularityGroup;

/// Items with these numbers of training events, one user an event.
Popularity popularity_of(const std::vector<int>& counts) {
  std::vector<std::vector<std::int32_t>> histories;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (int e = 0; e < counts[i]; ++e) histories.push_back({static_cast<std::int32_t>(i)});
  }
  return training_popularity(testing::dataset_of(histories, counts.size()));
}

TEST(Popularity, GivesAFifthOfTheEventsEachToHeadAndTail) {
  // 100 events: each item of 30 is past the fifth; the tail reaches it by 1 + 2 + 3 + 4 + 10.
  const Popularity popularity = popularity_of({30, 20, 2, 4, 3, 1, 30, 0, 10});
  EXPECT_EQ(popularity.total, 100U);
  EXPECT_EQ(popularity.events[1], 20U);
  EXPECT_EQ(popularity.groups, (Groups{head, middle, tail, tail, tail, tail, head, cold, tail}));
}

TEST(Popularity, EndsAGroupAtExactlyAFifth) {
  EXPECT_EQ(popularity_of({21, 19, 39, 21}).groups, (Groups{tail, tail, head, tail}))
      << "19 are not a fifth";
  EXPECT_EQ(popularity_of({20, 10, 50, 10, 10}).groups, (Groups{middle, tail, head, tail, tail}))
      << "two of the three reach it, the third is their equal";
}

TEST(Popularity, KeepsEquallyPopularItemsTogether) {
  EXPECT_EQ(popularity_of({5, 5, 5, 0}).groups, (Groups{head, head, head, cold}));
  EXPECT_EQ(popularity_of({0, 0}).groups, (Groups{cold, cold}));
}

TEST(Popularity, CountsTrainingEventsAlone) {
  const Popularity popularity = training_popularity(testing::dataset_of({{0, 0, 1, 2}}, 3));
  EXPECT_EQ(popularity.events, (std::vector<std::uint32_t>{2, 0, 0}));
  EXPECT_EQ(popularity.groups, (Groups{head, cold, cold}));
}

}  // namespace
}  // namespace tessera
