// Lists for whoever has no history: where their items come from, and in which order.
#include "tessera/fallback.h"

#include <gtest/gtest.h>

#include "data/trends.h"
#include "engine/attributed_bundle.h"
#include "tessera/model.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;
using testing::expect_error;
using enum Source;

class Fallbacks : public ::testing::Test {
 protected:
  Fallbacks() { testing::write_attributed_bundle(path, "unified"); }

  static Numbers items_of(const std::vector<SourcedItem>& found) {
    Numbers items;
    for (const SourcedItem& one : found) items.push_back(one.item);
    return items;
  }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  std::optional<Model> opened;
  Model& model() { return opened ? *opened : opened.emplace(path); }
};

TEST_F(Fallbacks, TrendIsThatOfTrainingUnlessSomebodyKnowsBetter) {
  Matrix times(testing::kAttributedItems + 1, 1);
  for (const auto& [item, time] : {std::pair(7, 1e9F), {301, 3e9F}, {44, 2e9F}}) {
    times[static_cast<std::size_t>(item)][0] = time;
  }
  times[testing::kAttributedItems][0] = 2.5e9F;
  write_npy(path / kTrendsFile, times.view());
  EXPECT_EQ(items_of(model().fall_back({}, {.k = 5})), (Numbers{301, 44, 7, 0, 1}));
  EXPECT_EQ(items_of(model().fall_back({}, {.k = 2}, Numbers{9})), (Numbers{9, 0}));
  EXPECT_EQ(model().last_event(), 2.5e9F);
  ASSERT_EQ(model().trending().size(), 3U);
  EXPECT_EQ(model().trending()[1].item, 44);
  EXPECT_EQ(model().trending()[1].touched, 2e9F);
  write_npy(path / kTrendsFile, Matrix(3, 1).view());
  expect_error([&] { const Model damaged(path); }, {"trends.npy"});
}

TEST_F(Fallbacks, WhatTrendsComesBeforeWhatIsPopular) {
  const Filter filter = filter_from_words("in_stock");
  const Numbers trending = {44, 45, 301}, deny = {3};
  EXPECT_EQ(items_of(model().fall_back({}, {.k = 4})), (Numbers{0, 1, 2, 3}));
  const auto found = model().fall_back({}, {.k = 5, .deny = deny, .filter = &filter}, trending);
  EXPECT_EQ(items_of(found), (Numbers{45, 301, 1, 5, 7}));
  EXPECT_EQ(found[1].from, trending.empty() ? popular : Source::trending);
  EXPECT_EQ(found[2].from, popular);
}

TEST_F(Fallbacks, TheNewestAreThosePutLastAndThenTheLatestByTime) {
  const std::vector<std::int32_t> codes(model().levels(), 1);
  model().put("first", "", {codes, {}});
  model().put("second", "", {codes, {}});
  const Numbers expected = {501, 500, 499, 498};
  EXPECT_EQ(items_of(model().fall_back({{newest}}, {.k = 4})), expected);
  model().set_attributes(7, {{"since", 86400.0 * 900}});
  model().set_attributes(8, {{"since", 4e9}});  // yet to come
  model().erase("second");
  EXPECT_EQ(items_of(model().fall_back({{newest}}, {.k = 3})), (Numbers{500, 7, 499}));
  const Filter cheap = filter_from_words("price < 2");
  EXPECT_EQ(items_of(model().fall_back({{newest}}, {.k = 3, .filter = &cheap})),
            (Numbers{401, 400, 301}));
}

TEST_F(Fallbacks, SourcesTakeTurnsWhereTheyAreMixed) {
  const Numbers trending = {40, 0, 41};
  const std::vector<std::string> mixed = {"mixed"};
  const auto found = model().fall_back(fallback_from_words(mixed), {.k = 7}, trending);
  EXPECT_EQ(found, (std::vector<SourcedItem>{{40, Source::trending},
                                             {0, popular},
                                             {499, newest},
                                             {41, Source::trending},
                                             {1, popular},
                                             {498, newest},
                                             {2, popular}}));
}

TEST_F(Fallbacks, AllOfTheCatalogueIsListedOnceAndNoMore) {
  const Numbers trending = {9, 8};
  auto items = items_of(
      model().fall_back({{Source::trending, newest, popular}, true}, {.k = 10'000}, trending));
  std::ranges::sort(items);
  EXPECT_EQ(items.size(), testing::kAttributedItems);
  EXPECT_EQ(std::ranges::unique(items).size(), 0U);
  EXPECT_TRUE(model().fall_back({{}}, {.k = 5}).empty());
}

TEST_F(Fallbacks, WordsNameSources) {
  const auto read = [](std::vector<std::string> words) { return fallback_from_words(words); };
  EXPECT_EQ(read({"newest", "popular"}).order, (std::vector{newest, popular}));
  EXPECT_TRUE(read({"none"}).order.empty());
  EXPECT_TRUE(read({"mixed"}).in_turns);
  expect_error<UsageError>([&] { read({"newst"}); }, {"'newst'", "newest", "none"});
  expect_error<UsageError>([&] { read({"newest", "none"}); }, {"'none'", "alone"});
  expect_error<UsageError>([&] { read({"newest", "newest"}); }, {"twice"});
  expect_error<UsageError>([&] { read({}); }, {"empty"});
}

}  // namespace
}  // namespace tessera
