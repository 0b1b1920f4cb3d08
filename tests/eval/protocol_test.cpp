#include "eval/protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/random.h"
#include "data/prepare.h"
#include "eval/places.h"
#include "testing/datasets.h"
#include "testing/errors.h"

namespace tessera {

namespace {

using testing::dataset_of;
using testing::expect_error;
using Items = std::vector<std::int32_t>;
using Places = std::vector<TargetPlace>;

constexpr Repeats kRules[] = {Repeats::excluded, Repeats::allowed, Repeats::published};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kItems = 40;

/// Score of an item for a user and split.
using Score = std::function<float(std::size_t user, Split split, std::size_t item)>;

/// Few values, so that ties are frequent.
float coarse(std::size_t user, Split split, std::size_t item) {
  return static_cast<float>(mix_bits(user * 1'000 + item + (split == Split::test ? 77'777 : 0)) %
                            7);
}

Scorer catalogue_scorer(const Score& score) {
  return {[score](std::span<const std::int32_t> users, Split split, MatrixView<float> scores) {
            for (std::size_t i = 0; i < users.size(); ++i) {
              for (std::size_t item = 0; item < scores.cols; ++item) {
                scores[i][item] = score(static_cast<std::size_t>(users[i]), split, item);
              }
            }
          },
          {}};
}

Scorer candidate_scorer(const Score& score) {
  Scorer scorer;
  scorer.candidates = [score](std::span<const std::int32_t> users, Split split,
                              MatrixView<const std::int32_t> candidates, MatrixView<float> scores) {
    for (std::size_t i = 0; i < users.size(); ++i) {
      for (std::size_t j = 0; j < candidates.cols; ++j) {
        scores[i][j] = score(static_cast<std::size_t>(users[i]), split,
                             static_cast<std::size_t>(candidates[i][j]));
      }
    }
  };
  return scorer;
}

TargetPlace place_of(std::size_t target, const Items& others,
                     const std::function<float(std::size_t)>& score) {
  TargetPlace place;
  for (const std::int32_t item : others) {
    place.better += score(static_cast<std::size_t>(item)) > score(target) ? 1U : 0U;
    place.tied += score(static_cast<std::size_t>(item)) == score(target) ? 1U : 0U;
  }
  return place;
}

/// The method's words, literally, on whole histories.
Places full_by_definition(const Dataset& data, Split split, const Score& score, Repeats repeats) {
  Places places;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = data.history(u);
    if (history.size() < 3) continue;
    const std::size_t at = history.size() - (split == Split::test ? 1 : 2);
    const std::int32_t target = history[at];
    const std::set<std::int32_t> past(history.begin(), history.begin() + static_cast<long>(at));
    Items others;
    for (std::int32_t item = 0; item < static_cast<std::int32_t>(data.items.size()); ++item) {
      const bool candidate = repeats == Repeats::allowed || !past.contains(item);
      if (item != target && candidate) others.push_back(item);
    }
    if (repeats == Repeats::excluded && past.contains(target)) {
      places.push_back(kMissed);
      continue;
    }
    places.push_back(place_of(static_cast<std::size_t>(target), others,
                              [&](std::size_t item) { return score(u, split, item); }));
  }
  return places;
}

/// Histories of up to 70 events, longer than any model looks back, with repeats and short ones.
Dataset random_data() {
  Random random(5);
  std::vector<Items> histories;
  for (std::size_t u = 0; u < 60; ++u) {
    Items history(u % 10 == 9 ? 70 : random.below(12));
    for (std::int32_t& item : history) item = static_cast<std::int32_t>(random.below(kItems));
    histories.push_back(history);
  }
  return dataset_of(histories, kItems);
}

TEST(RankFull, EqualsTheDefinition) {
  const Dataset data = random_data();
  for (const Split split : {Split::validation, Split::test}) {
    for (const Repeats repeats : kRules) {
      const Places expected = full_by_definition(data, split, coarse, repeats);
      ASSERT_GT(expected.size(), 30U);
      EXPECT_TRUE(std::ranges::any_of(expected, [](TargetPlace place) { return place.tied > 0; }));
      EXPECT_EQ(rank_full(data, split, catalogue_scorer(coarse), {}, nullptr, repeats), expected);
    }
  }
}

/// The items of the only user's history score highest, the target and everything else the same.
Places places_when_history_scores_highest(const Items& history, std::size_t items, Split split) {
  const Dataset data = dataset_of({history}, items);
  return rank_full(data, split, catalogue_scorer([&](std::size_t, Split, std::size_t item) {
                     const auto known = static_cast<std::int32_t>(item);
                     const bool old = std::ranges::find(history, known) != history.end();
                     return old && known != target_of(data, 0, split) ? 9.0F : 1.0F;
                   }));
}

TEST(RankFull, LeavesTheValidationItemOutAtTest) {
  EXPECT_EQ(places_when_history_scores_highest({0, 1, 2, 3}, 10, Split::test), (Places{{0, 6}}));
}

TEST(RankFull, KeepsTheTestItemAsACandidateAtValidation) {
  EXPECT_EQ(places_when_history_scores_highest({0, 1, 2, 3}, 10, Split::validation),
            (Places{{1, 6}}));
}

TEST(RankFull, LeavesOutTheWholeHistoryHoweverLong) {
  Items history;
  for (std::int32_t item = 0; item < 300; ++item) history.push_back(item);
  EXPECT_EQ(places_when_history_scores_highest(history, 310, Split::test), (Places{{0, 10}}));
}

TEST(RankFull, NeverLeavesOutATargetThatRepeatsByThePublishedConvention) {
  EXPECT_EQ(places_when_history_scores_highest({3, 1, 3, 2, 3}, 10, Split::test), (Places{{0, 7}}));
  EXPECT_EQ(places_when_history_scores_highest({2, 1, 2, 5}, 10, Split::validation),
            (Places{{1, 7}}));  // only the test item scores higher
}

TEST(RankFull, CountsItemsLeftOutNeitherAsBetterNorAsTied) {
  const Dataset data = dataset_of({{0, 1, 2}}, 6);
  for (const float score : {kInfinity, -kInfinity, 0.0F}) {
    const Places places =
        rank_full(data, Split::test,
                  catalogue_scorer([&](std::size_t, Split, std::size_t) { return score; }));
    EXPECT_EQ(places, (Places{{0, 3}})) << score;
  }
}

TEST(RankFull, RefusesScoresThatAreNotNumbers) {
  const Dataset data = dataset_of({{0, 1, 2}, {0, 1, 2}}, 6);
  for (const std::size_t broken : {0U, 2U, 5U}) {  // in the history, the target, elsewhere
    const Scorer scorer = catalogue_scorer([&](std::size_t user, Split, std::size_t item) {
      return user == 1 && item == broken ? std::nanf("") : 1.0F;
    });
    expect_error([&] { rank_full(data, Split::test, scorer); }, {"user 'u1'", "not a number"});
  }
}

TEST(RankFull, WorksInBlocksOfUsers) {
  constexpr std::size_t kUsers = 2'000;
  constexpr std::size_t kManyItems = 5'000;
  std::vector<Items> histories;
  for (std::int32_t u = 0; u < static_cast<std::int32_t>(kUsers); ++u) {
    histories.push_back({4'998, 4'999, u});
  }
  const Dataset data = dataset_of(histories, kManyItems);
  std::size_t calls = 0;
  const Places places =
      rank_full(data, Split::test,
                {[&](std::span<const std::int32_t> users, Split, MatrixView<float> scores) {
                   ++calls;
                   ASSERT_EQ(users.size(), scores.rows);
                   for (std::size_t i = 0; i < users.size(); ++i) {
                     for (std::size_t item = 0; item < kManyItems; ++item) {
                       scores[i][item] = static_cast<float>(item);
                     }
                   }
                 },
                 {}});
  EXPECT_GT(calls, 1U);
  ASSERT_EQ(places.size(), kUsers);
  for (std::uint32_t u = 0; u < kUsers; ++u) ASSERT_EQ(places[u], (TargetPlace{4'997 - u, 0}));
}

TEST(RankFull, ListsTheBestOutsideTheHistory) {
  const Dataset data = random_data();
  for (const Split split : {Split::validation, Split::test}) {
    TopLists lists;
    rank_full(data, split, catalogue_scorer(coarse), {}, &lists);
    const std::vector<std::int32_t> users = evaluated_users(data, split);
    ASSERT_EQ(lists.users(), users.size());
    for (std::size_t i = 0; i < users.size(); ++i) {
      const auto user = static_cast<std::size_t>(users[i]);
      const auto history = history_before(data, user, split);
      const std::set<std::int32_t> past(history.begin(), history.end());
      Items others;
      for (std::int32_t item = 0; item < static_cast<std::int32_t>(kItems); ++item) {
        if (!past.contains(item)) others.push_back(item);
      }
      std::ranges::stable_sort(others, std::greater(), [&](std::int32_t item) {
        return coarse(user, split, static_cast<std::size_t>(item));
      });
      others.resize(std::min<std::size_t>(others.size(), 10));
      const auto list = lists.of(i);
      ASSERT_EQ(Items(list.begin(), list.end()), others) << user;
    }
  }
}

TEST(RankFull, ListsFewerWhereFewerAreLeft) {
  const Dataset data = dataset_of({{0, 1, 2, 0}}, 5);
  TopLists lists{3, {}};
  rank_full(data, Split::test, catalogue_scorer(coarse), {}, &lists);
  EXPECT_EQ(lists.of(0).size(), 2U) << "a target that repeats is no recommendation";
  EXPECT_EQ(lists.items[2], -1);
}

/// As `coarse` without ties.
float fine(std::size_t user, Split split, std::size_t item) {
  return coarse(user, split, item) + static_cast<float>(item) / 1000.0F;
}

TEST(RankFull, HitsATargetWhereTheListsShowIt) {
  const Dataset data = random_data();
  for (const Repeats repeats : {Repeats::excluded, Repeats::allowed}) {
    TopLists lists;
    const Places places = rank_full(data, Split::test, catalogue_scorer(fine), {}, &lists, repeats);
    const std::vector<std::int32_t> users = evaluated_users(data, Split::test);
    std::size_t shown_repeats = 0;
    for (std::size_t i = 0; i < users.size(); ++i) {
      const auto user = static_cast<std::size_t>(users[i]);
      const auto list = lists.of(i);
      const bool shown = std::ranges::find(list, target_of(data, user, Split::test)) != list.end();
      EXPECT_EQ(metrics_of(places[i]).at("HR@10"), shown ? 1.0 : 0.0) << user;
      shown_repeats += shown && target_repeats(data, user, Split::test) ? 1 : 0;
    }
    EXPECT_EQ(shown_repeats > 0, repeats == Repeats::allowed);
  }
}

TEST(Chance, IsTheRankAmongEqualScores) {
  const Dataset data = random_data();
  const Scorer equal = catalogue_scorer([](std::size_t, Split, std::size_t) { return 1.0F; });
  const Negatives negatives = draw_negatives(dataset_of(std::vector<Items>(60), kItems), 3, 15);
  for (const Split split : {Split::validation, Split::test}) {
    for (const Repeats repeats : kRules) {
      EXPECT_EQ(chance_full(data, split, repeats),
                rank_full(data, split, equal, {}, nullptr, repeats));
      EXPECT_EQ(chance_sampled(data, split, negatives, repeats),
                rank_sampled(data, split, negatives, equal, {}, repeats));
    }
  }
}

TEST(RankSampled, MissesATargetThatRepeatsWhereRepeatsAreExcluded) {
  const Dataset data = dataset_of({{0, 1, 0}, {0, 1, 2}}, 6);
  const Negatives negatives{2, {3, 4, 3, 4}};
  const Scorer scorer = catalogue_scorer(
      [](std::size_t, Split, std::size_t item) { return item == 3 ? 2.0F : 1.0F; });
  const auto places = [&](Repeats repeats) {
    return rank_sampled(data, Split::test, negatives, scorer, {}, repeats);
  };
  EXPECT_EQ(places(Repeats::excluded), (Places{kMissed, {1, 1}}));
  EXPECT_EQ(places(Repeats::allowed), (Places{{1, 1}, {1, 1}}));
  EXPECT_EQ(places(Repeats::published), (Places{{1, 1}, {1, 1}}));
}

TEST(RankSampled, EqualsTheDefinition) {
  const Dataset data = random_data();
  // Long histories leave too few items, so the negatives are drawn for users without any.
  const Negatives negatives = draw_negatives(dataset_of(std::vector<Items>(60), kItems), 3, 15);
  for (const Split split : {Split::validation, Split::test}) {
    Places expected;
    for (const std::int32_t user : evaluated_users(data, split)) {
      const auto u = static_cast<std::size_t>(user);
      const auto others = negatives.of(u);
      expected.push_back(place_of(static_cast<std::size_t>(target_of(data, u, split)),
                                  {others.begin(), others.end()},
                                  [&](std::size_t item) { return coarse(u, split, item); }));
    }
    ASSERT_GT(expected.size(), 30U);
    EXPECT_EQ(rank_sampled(data, split, negatives, catalogue_scorer(coarse)), expected);
    EXPECT_EQ(rank_sampled(data, split, negatives, candidate_scorer(coarse)), expected);
  }
}

TEST(RankSampled, RanksAmongTheNegativesThatAUserHas) {
  const Dataset data = dataset_of({{0, 1, 2}, {0, 1, 2}}, 6);
  const Negatives negatives{3, {3, -1, -1, 3, 4, 5}};  // of the first user one alone
  const Score score = [](std::size_t, Split, std::size_t item) { return item == 2 ? 1.0F : 1.0F; };
  for (const Scorer& scorer : {catalogue_scorer(score), candidate_scorer(score)}) {
    EXPECT_EQ(rank_sampled(data, Split::test, negatives, scorer), (Places{{0, 1}, {0, 3}}));
  }
  EXPECT_EQ(chance_sampled(data, Split::test, negatives, Repeats::published),
            (Places{{0, 1}, {0, 3}}));
}

TEST(RankSampled, RefusesScoresThatAreNotNumbers) {
  const Dataset data = dataset_of({{0, 1, 2}, {0, 1, 2}}, 6);
  const Negatives negatives{2, {3, 4, 5, 4}};
  for (const std::size_t broken : {2U, 5U}) {
    const Score score = [&](std::size_t user, Split, std::size_t item) {
      return user == 1 && item == broken ? std::nanf("") : 1.0F;
    };
    for (const Scorer& scorer : {catalogue_scorer(score), candidate_scorer(score)}) {
      expect_error([&] { rank_sampled(data, Split::test, negatives, scorer); },
                   {"user 'u1'", "not a number"});
    }
  }
}

TEST(Places, OfNoEvaluatedUsersAreNone) {
  const Dataset data = dataset_of({{0, 1}, {}}, 6);
  const Negatives negatives{2, {3, 4, 3, 4}};
  EXPECT_TRUE(rank_full(data, Split::test, catalogue_scorer(coarse)).empty());
  EXPECT_TRUE(rank_sampled(data, Split::test, negatives, catalogue_scorer(coarse)).empty());
}

/// The method's facts about the data: test targets that training never saw, and repeated ones.
void expect_facts(const char* name, std::size_t cold_targets, std::size_t repeated_targets) {
  const fs::path file = fs::path(TESSERA_SHARED_DIR) / "data" / name / "interactions.txt";
  if (!fs::exists(file)) GTEST_SKIP() << "needs " << file;
  PrepareReport report;
  PrepareOptions options;
  options.interactions = {file};
  const Dataset data = prepare(options, report);
  std::vector<bool> trained(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u))
      trained[static_cast<std::size_t>(item)] = true;
  }
  std::size_t cold = 0;
  std::size_t repeated = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const std::int32_t target = target_of(data, u, Split::test);
    const auto history = history_before(data, u, Split::test);
    cold += trained[static_cast<std::size_t>(target)] ? 0 : 1;
    repeated += std::ranges::find(history, target) != history.end() ? 1 : 0;
  }
  EXPECT_EQ(cold, cold_targets);
  EXPECT_EQ(repeated, repeated_targets);
}

TEST(SplitFacts, HoldForBeauty) { expect_facts("beauty", 138, 0); }
TEST(SplitFacts, HoldForSports) { expect_facts("sports", 317, 0); }
TEST(SplitFacts, HoldForGames) { expect_facts("games", 204, 51); }

}  // namespace
}  // namespace tessera
