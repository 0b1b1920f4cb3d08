#include "train/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace tessera {
namespace {

Settings by_positions(std::size_t positions, std::size_t max_length) {
  Settings settings;
  settings.windows = Windows::all;
  settings.batch_users = 0;
  settings.batch_positions = positions;
  settings.max_length = max_length;
  return settings;
}

// Histories of very different lengths.
std::vector<UserTargets> some_users() {
  std::vector<UserTargets> users;
  for (std::int32_t u = 0; u < 60; ++u) users.push_back({u, 1 + (u * u * 7) % 97});
  return users;
}

std::size_t positions_of(std::span<const Window> windows) {
  std::size_t count = 0;
  for (const Window& window : windows) count += static_cast<std::size_t>(window.targets);
  return count;
}

TEST(Windows, HoldEveryTargetOnceAnEpochAndAreNoLongerThanTheModelReads) {
  for (const std::size_t length : {1, 2, 7, 50, 200}) {
    for (std::size_t epoch = 0; epoch < 4; ++epoch) {
      std::map<std::int32_t, std::multiset<std::int32_t>> met;
      for (const Window& w : plan_epoch(some_users(), by_positions(100, length), epoch).windows) {
        EXPECT_GE(w.targets, 1);
        EXPECT_LE(static_cast<std::size_t>(w.targets), length);
        for (std::int32_t i = 0; i < w.targets; ++i) met[w.user].insert(w.first + i);
      }
      for (const UserTargets& of : some_users()) {
        std::multiset<std::int32_t> all;
        for (std::int32_t place = 1; place <= of.targets; ++place) all.insert(place);
        EXPECT_EQ(met[of.user], all) << of.user;
      }
    }
  }
}

TEST(Windows, AreCutElsewhereInEachEpoch) {
  const std::vector<UserTargets> user = {{0, 1000}};
  std::set<std::int32_t> cuts;
  for (std::size_t epoch = 0; epoch < 400; ++epoch) {
    for (const Window& w : plan_epoch(user, by_positions(100, 10), epoch).windows) {
      if (w.first > 1 && w.first <= 11) cuts.insert(w.first);
    }
  }
  EXPECT_EQ(cuts.size(), 10U);
}

TEST(Windows, OfTheLastAreTheEndOfAHistory) {
  Settings settings = by_positions(100, 7);
  settings.windows = Windows::last;
  EXPECT_EQ(learned_targets(std::vector<UserTargets>{{0, 20}, {1, 3}}, settings), 10U);
  const auto plan = plan_epoch(std::vector<UserTargets>{{5, 20}}, settings, 0);
  ASSERT_EQ(plan.windows.size(), 1U);
  EXPECT_EQ(plan.windows[0].first, 14);
  EXPECT_EQ(plan.windows[0].targets, 7);
}

TEST(Windows, StepsHaveAboutAsManyPositionsAndNoneIsEmpty) {
  const std::vector<UserTargets> users = some_users();
  const std::size_t all = positions_of(plan_epoch(users, by_positions(100, 30), 0).windows);
  for (const std::size_t positions : {1, 10, 31, 100, 1000, 100000}) {
    const Settings settings = by_positions(positions, 30);
    const std::size_t steps = steps_of_epoch(users, settings);
    EXPECT_EQ(steps, std::max<std::size_t>(1, all / std::max<std::size_t>(positions, 30)));
    for (std::size_t epoch = 0; epoch < 5; ++epoch) {
      const EpochPlan plan = plan_epoch(users, settings, epoch);
      ASSERT_EQ(plan.size(), steps);
      EXPECT_EQ(plan.steps.back(), plan.windows.size());
      const double mean = static_cast<double>(all) / static_cast<double>(steps);
      for (std::size_t i = 0; i < steps; ++i) {
        EXPECT_FALSE(plan.step(i).empty());
        EXPECT_NEAR(static_cast<double>(positions_of(plan.step(i))), mean, 30.0);
      }
    }
  }
}

TEST(Windows, AStepOfUsersHoldsAllOfTheirs) {
  Settings settings = by_positions(0, 10);
  settings.batch_users = 7;
  const EpochPlan plan = plan_epoch(some_users(), settings, 3);
  ASSERT_EQ(plan.size(), 9U);
  std::set<std::int32_t> met;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    std::set<std::int32_t> users;
    for (const Window& window : plan.step(i)) users.insert(window.user);
    EXPECT_EQ(users.size(), i < 8 ? 7U : 4U);
    for (const std::int32_t user : users) EXPECT_TRUE(met.insert(user).second);
  }
}

TEST(Windows, WhatMakesSmallerStepsDecides) {
  Settings settings = by_positions(100, 30);
  settings.batch_users = 1;
  EXPECT_EQ(steps_of_epoch(some_users(), settings), 60U);
  settings.batch_users = 60;
  EXPECT_GT(steps_of_epoch(some_users(), settings), 10U);
}

TEST(Windows, AreShuffledAnewInEachEpochByTheSeedAlone) {
  for (const std::size_t users_of_step : {0, 8}) {
    Settings settings = by_positions(users_of_step == 0 ? 100 : 0, 200);
    settings.batch_users = users_of_step;
    const auto order = [&](std::size_t epoch) {
      std::vector<std::int32_t> users;
      for (const Window& window : plan_epoch(some_users(), settings, epoch).windows) {
        users.push_back(window.user);
      }
      return users;
    };
    EXPECT_EQ(order(0), order(0));
    EXPECT_NE(order(0), order(1));
    settings.seed = 2;
    EXPECT_NE(order(0), order(1));
  }
}

}  // namespace
}  // namespace tessera
