#include "train/settings_by_data.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "testing/datasets.h"

namespace tessera {
namespace {

// So many users with so many training events each, and two that are held out.
void add_users(std::vector<std::vector<std::int32_t>>& histories, std::size_t users,
               std::size_t events) {
  for (std::size_t u = 0; u < users; ++u) histories.emplace_back(events + 2, 1);
}

Settings of_default(const Dataset& data) { return settings_by_data(recipe(kDefaultRecipe), data); }

TEST(SettingsByData, ShortHistoriesKeepWhatWasTunedOnThem) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 50, 6);
  const Settings settings = of_default(testing::dataset_of(histories, 3));
  EXPECT_EQ(settings.max_length, 50U);
  EXPECT_EQ(settings.epochs, 10U);
  EXPECT_EQ(settings.collaborative_epochs, 30U);
}

TEST(SettingsByData, ALengthHoldsNineOfTenHistories) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 9, 93);
  add_users(histories, 1, 1000);
  EXPECT_EQ(of_default(testing::dataset_of(histories, 3)).max_length, 100U);
  add_users(histories, 3, 1000);
  EXPECT_EQ(of_default(testing::dataset_of(histories, 3)).max_length, 200U);
}

TEST(SettingsByData, FourTimesTheTargetsHalveTheEpochs) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 12, 100'001);
  const Dataset data = testing::dataset_of(histories, 3);
  EXPECT_EQ(of_default(data).epochs, 5U);
  EXPECT_EQ(of_default(data).collaborative_epochs, 15U);
  Settings ids = recipe(kDefaultRecipe);
  ids.tokens = Tokens::id;
  EXPECT_EQ(settings_by_data(ids, data).epochs, 15U);
}

TEST(SettingsByData, WhatIsGivenStays) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 3, 500);
  const Dataset data = testing::dataset_of(histories, 3);
  EXPECT_EQ(to_json(settings_by_data(recipe("paper"), data)), to_json(recipe("paper")));
  Settings settings = recipe(kDefaultRecipe);
  apply_settings(settings, std::vector<std::string>{"epochs=3", "max_length=17"});
  EXPECT_EQ(settings_by_data(settings, data).epochs, 3U);
  EXPECT_EQ(settings_by_data(settings, data).max_length, 17U);
}

TEST(SettingsByData, EventsBeyondTheLengthAreCountedAsLeftOut) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 2, 61);
  add_users(histories, 1, 11);
  const Dataset data = testing::dataset_of(histories, 3);
  const LeftOut paper = left_out(recipe("paper"), data);
  EXPECT_EQ(paper.targets, 130U);
  EXPECT_EQ(paper.learned, 110U);
  const LeftOut all = left_out(of_default(data), data);
  EXPECT_EQ(all.learned, all.targets);
}

}  // namespace
}  // namespace tessera
