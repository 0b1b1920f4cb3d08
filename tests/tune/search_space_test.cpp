#include "tune/search_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/numbers.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;

const Settings kStart = [] {
  Settings start = recipe(kDefaultRecipe);
  apply_setting(start, "dropout=0.3");
  return start;
}();

std::vector<Changes> draws(const std::vector<std::string>& words, std::size_t count,
                           const Settings& start = kStart) {
  return draw_trials(start, parse_search(words, start), count);
}

TEST(SearchSpace, TheFirstTrialChangesNothingAndMoreTrialsBeginWithTheSame) {
  const auto many = draws({"learning_rate=0.0003..0.003", "layers=1,2,3"}, 20);
  ASSERT_EQ(many.size(), 20U);
  EXPECT_TRUE(many[0].empty());
  const auto few = draws({"learning_rate=0.0003..0.003", "layers=1,2,3"}, 7);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  Settings other = kStart;
  other.seed = 2;
  EXPECT_NE(draws({"learning_rate=0.0003..0.003", "layers=1,2,3"}, 20, other), many);
}

TEST(SearchSpace, RangesAreDrawnEvenlyAndByLogarithmWhereTheySpanAFactorOfTen) {
  std::size_t below_middle = 0, below_geometric_middle = 0;
  const auto trials = draws({"learning_rate=0.0001..0.01", "dropout=0.1..0.5"}, 401);
  for (std::size_t i = 1; i < trials.size(); ++i) {
    Settings settings = kStart;
    apply_settings(settings, trials[i]);
    EXPECT_GE(settings.learning_rate, 0.0001);
    EXPECT_LE(settings.learning_rate, 0.01);
    below_geometric_middle += settings.learning_rate < 0.001 ? 1 : 0;
    below_middle += settings.dropout < 0.3 ? 1 : 0;
  }
  // Half of 400, within five standard deviations.
  EXPECT_NEAR(static_cast<double>(below_geometric_middle), 200.0, 50.0);
  EXPECT_NEAR(static_cast<double>(below_middle), 200.0, 50.0);
}

TEST(SearchSpace, WholeSettingsGetWholeNumbers) {
  for (const Changes& trial : draws({"hidden=2..300"}, 30)) {
    if (trial.empty()) continue;
    EXPECT_TRUE(parse_number<std::size_t>(trial[0].substr(trial[0].find('=') + 1))) << trial[0];
  }
}

TEST(SearchSpace, NothingIsTriedTwiceAndASmallSpaceIsExhausted) {
  // 0.3 and 2 are those of the start: five others are left.
  const auto trials = draws({"dropout=0.1,0.2,0.3", "layers=1,2"}, 50);
  EXPECT_EQ(trials.size(), 6U);
  EXPECT_EQ(std::set<Changes>(trials.begin(), trials.end()).size(), 6U);
}

TEST(SearchSpace, SettingsThatDoNotGoTogetherAreNotTried) {
  // hidden=96 goes with three heads, 64 does not.
  for (const Changes& trial : draws({"hidden=96,64,128", "heads=2,4"}, 50)) {
    Settings settings = kStart;
    EXPECT_NO_THROW(apply_settings(settings, trial));
  }
  Settings start = kStart;
  apply_settings(start, std::vector<std::string>{"hidden=192"});
  const auto trials = draws({"hidden=96,64,128", "heads=3,2"}, 50, start);
  EXPECT_EQ(trials.size(), 5U);  // the start, 96 with both, 64 and 128 with two
}

TEST(SearchSpace, WhatCannotBeSearchedIsRefusedWithTheReason) {
  expect_error<UsageError>([] { draws({"dropout"}, 1); }, {"dropout", "key=v1,v2"});
  expect_error<UsageError>([] { draws({"dropout="}, 1); }, {"key=v1,v2"});
  expect_error<UsageError>([] { draws({"dropuot=0.1,0.2"}, 1); },
                           {"dropuot", "did you mean 'dropout'"});
  expect_error<UsageError>([] { draws({"dropout=0.1,2"}, 1); }, {"dropout", "2", "0.99"});
  expect_error<UsageError>([] { draws({"dropout=0.1..2"}, 1); }, {"dropout", "0.99"});
  expect_error<UsageError>([] { draws({"dropout=0.5..0.1"}, 1); }, {"lower end first"});
  expect_error<UsageError>([] { draws({"tokens=id..unified"}, 1); }, {"tokens", "range"});
  expect_error<UsageError>([] { draws({"layers=1,2", "layers=3"}, 1); }, {"layers", "already"});
  for (const char* word :
       {"epochs=1,2", "select=MRR,HR@10", "selection_protocol=full,sampled", "seed=1,2"}) {
    expect_error<UsageError>([&] { draws({word}, 1); }, {word, "--set"});
  }
}

TEST(SearchSpace, TheUsualSearchGoesWithEveryRecipe) {
  for (const char* name : {"default", "paper"}) {
    const Settings start = recipe(name);
    EXPECT_EQ(draw_trials(start, parse_search(usual_search(start), start), 9).size(), 9U);
  }
}

}  // namespace
}  // namespace tessera
