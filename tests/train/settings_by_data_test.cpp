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

Settings of_default(const Dataset& data) {
  Settings settings = recipe(kDefaultRecipe);
  settings.tokens = Tokens::unified;  // the items below have no texts
  return settings_by_data(settings, data);
}

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

TEST(SettingsByData, FourTimesTheTargetsHalveTheEpochsOfIdTokensAlone) {
  std::vector<std::vector<std::int32_t>> histories;
  add_users(histories, 12, 100'001);
  const Dataset data = testing::dataset_of(histories, 3);
  EXPECT_EQ(of_default(data).epochs, 6U);  // 10 / ∛4
  EXPECT_EQ(of_default(data).collaborative_epochs, 15U);
  Settings ids = recipe(kDefaultRecipe);
  ids.tokens = Tokens::id;
  EXPECT_EQ(settings_by_data(ids, data).epochs, 15U);
}

// Learned numbers of a catalogue by the recipe, whose codebooks have 128 rows: ID tokens, levels of
// 64 dims, and collaborative parts of 64 together.
std::size_t catalogue_numbers(std::size_t items, const Settings& settings) {
  return items * settings.id_dims + 128 * (settings.levels * 64 + 64);
}

TEST(SettingsByData, WithoutTextsThereAreIdTokensAlone) {
  Dataset data = testing::dataset_of({{0, 1, 2, 1}}, 20'000);
  const Settings without = settings_by_data(recipe(kDefaultRecipe), data);
  EXPECT_EQ(without.tokens, Tokens::id);
  EXPECT_EQ(without.dropout, 0.5);
  EXPECT_EQ(without.learning_rate, 0.003);
  EXPECT_EQ(without.epochs, 30U);
  data.items[7].text = "a word";
  const Settings with = settings_by_data(recipe(kDefaultRecipe), data);
  EXPECT_EQ(with.tokens, Tokens::unified);
  EXPECT_EQ(with.dropout, 0.3);
  EXPECT_EQ(with.learning_rate, 0.001);
  EXPECT_EQ(with.epochs, 10U);
}

TEST(SettingsByData, ManyEventsAnItemNeedLessDropoutAndTakeLargerSteps) {
  const auto with = [](std::size_t events_an_item, Tokens tokens) {
    constexpr std::size_t kFew = 5;
    std::vector<std::int32_t> history(events_an_item * kFew + 3, 1);  // two of them held out
    Settings settings = recipe(kDefaultRecipe);
    settings.tokens = tokens;
    settings = settings_by_data(settings, testing::dataset_of({history}, kFew));
    return std::pair(settings.dropout, settings.learning_rate);
  };
  EXPECT_EQ(with(1, Tokens::id), std::pair(0.5, 0.003));
  EXPECT_EQ(with(20, Tokens::id), std::pair(0.5, 0.003));
  EXPECT_EQ(with(80, Tokens::id), std::pair(0.25, 0.003));
  EXPECT_EQ(with(320, Tokens::id), std::pair(0.15, 0.003));  // .125, in twentieths
  EXPECT_EQ(with(100'000, Tokens::id), std::pair(0.05, 0.003));
  EXPECT_EQ(with(20, Tokens::unified), std::pair(0.3, 0.001));
  EXPECT_EQ(with(45, Tokens::unified), std::pair(0.2, 0.0015));
  EXPECT_EQ(with(80, Tokens::unified), std::pair(0.15, 0.002));
  EXPECT_EQ(with(100'000, Tokens::unified), std::pair(0.05, 0.002));
  Settings settings = recipe(kDefaultRecipe);
  settings.dropout = 0.4;
  const std::vector<std::int32_t> history(3'000, 0);
  EXPECT_EQ(settings_by_data(settings, testing::dataset_of({history}, 2)).dropout, 0.4);
}

TEST(SettingsByData, WithManyEventsAnItemTheTransformerBeginsWhereIdTokensAloneEnded) {
  const auto with = [](std::size_t events_an_item, Tokens tokens) {
    constexpr std::size_t kFew = 5;
    const std::vector<std::int32_t> history(events_an_item * kFew + 3, 1);  // two of them held out
    Settings settings = recipe(kDefaultRecipe);
    settings.tokens = tokens;
    return settings_by_data(settings, testing::dataset_of({history}, kFew)).transformer_start;
  };
  EXPECT_EQ(with(20, Tokens::unified), TransformerStart::random);
  EXPECT_EQ(with(21, Tokens::unified), TransformerStart::first_stage);
  EXPECT_EQ(with(289, Tokens::unified), TransformerStart::first_stage);
  EXPECT_EQ(with(289, Tokens::id), TransformerStart::random) << "there is no other stage";
  EXPECT_EQ(with(289, Tokens::semantic), TransformerStart::random);
}

TEST(SettingsByData, SmallCataloguesHaveFewerLevelsAndThenNarrowerIdTokens) {
  const auto of_items = [](std::size_t items) {
    return of_default(testing::dataset_of({{0, 1, 2, 1}}, items));
  };
  struct Row {
    std::size_t items, levels, id_dims;
  };
  for (const auto& [items, levels, id_dims] :
       {Row{20'000, 3, 6}, Row{9'104, 3, 6}, Row{9'102, 2, 6}, Row{6'828, 2, 6}, Row{6'826, 1, 6},
        Row{4'552, 1, 6}, Row{4'550, 1, 4}, Row{3'416, 1, 4}, Row{3, 1, 4}}) {
    const Settings settings = of_items(items);
    EXPECT_EQ(settings.levels, levels) << items;
    EXPECT_EQ(settings.id_dims, id_dims) << items;
    if (items < 3'000) continue;  // there codebooks weigh more, whatever their number
    EXPECT_LE(catalogue_numbers(items, settings) * 100, items * 64 * 15);
  }
}

TEST(SettingsByData, ASizeThatIsGivenLeavesTheOtherToTheCatalogue) {
  const Dataset data = testing::dataset_of({{0, 1, 2, 1}}, 5'000);
  Settings settings = recipe(kDefaultRecipe);
  settings.tokens = Tokens::unified;
  const Settings standard = settings;
  settings.levels = 2;
  EXPECT_EQ(settings_by_data(settings, data).levels, 2U);
  EXPECT_EQ(settings_by_data(settings, data).id_dims, 4U);
  settings = standard;
  settings.id_dims = 16;
  EXPECT_EQ(settings_by_data(settings, data).levels, 1U);
  EXPECT_EQ(settings_by_data(settings, data).id_dims, 16U);
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
