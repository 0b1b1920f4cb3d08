// Lists of short histories with a fall-back blended in equal those that sorting everything gives.
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <tuple>

#include "engine/attributed_bundle.h"
#include "tessera/model.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;
using testing::expect_error;

class Blends : public ::testing::TestWithParam<const char*> {
 protected:
  Blends() {
    testing::write_attributed_bundle(path, GetParam());
    model = std::make_unique<Model>(path);
    for (int i = 0; i < 300; ++i) touched.push_back((i * 37 + 11) % 500);
    blend.trending = touched;
  }
  Numbers listed(RecommendOptions options, const Numbers& of) const {
    options.blend = &blend;
    Numbers items;
    for (const auto& best : model->recommend(of, options)) items.push_back(best.item);
    return items;
  }
  /// All items that `accepts` lets pass but the history's, sorted as include/tessera/fallback.h
  /// says.
  Numbers sorted(const std::function<bool(std::int32_t)>& accepts, const Numbers& of) const {
    Numbers plain, trending;
    for (const auto& one : model->recommend(of, {.k = testing::kAttributedItems})) {
      if (accepts(one.item)) plain.push_back(one.item);
    }
    for (const std::int32_t item : touched) {
      if (accepts(item) && std::ranges::count(of, item) == 0) trending.push_back(item);
    }
    std::map<std::int32_t, double> worth;
    for (std::size_t i = 0; i < plain.size() && i < 100; ++i) {
      worth[plain[i]] += (1.0 - blend.share) / (60.0 + double(i));
    }
    for (std::size_t i = 0; i < trending.size() && i < 100; ++i) {
      worth[trending[i]] += blend.share / (60.0 + double(i));
    }
    std::vector<std::tuple<double, std::size_t, std::int32_t>> order;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      order.emplace_back(-worth[plain[i]], i, plain[i]);
    }
    std::ranges::sort(order);
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = std::get<2>(order[i]);
    return plain;
  }
  static Numbers first(Numbers items, std::size_t count) {
    items.resize(std::min(items.size(), count));
    return items;
  }
  static bool in_stock(std::int32_t item) { return item % 2 == 1; }
  static bool all(std::int32_t) { return true; }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  std::unique_ptr<Model> model;
  Numbers touched;
  Blend blend{.share = 0.4};
  const Numbers history = {3, 17};
};

TEST_P(Blends, EqualSortingEverything) {
  for (const double share : {0.1, 0.5, 0.7}) {
    blend.share = share;
    EXPECT_EQ(listed({.k = 10}, history), first(sorted(all, history), 10)) << share;
    EXPECT_EQ(listed({.k = 450}, history), first(sorted(all, history), 450)) << share;
  }
}

TEST_P(Blends, OfNothingAreTheModelsListAndOfAllTheFallBack) {
  blend.share = 0.0;
  Numbers plain;
  for (const auto& one : model->recommend(history, {.k = 40})) plain.push_back(one.item);
  EXPECT_EQ(listed({.k = 40}, history), plain);
  blend.share = 1.0;
  std::erase_if(touched, [&](std::int32_t item) { return std::ranges::count(history, item) > 0; });
  EXPECT_EQ(listed({.k = 40}, history), first(touched, 40));
}

TEST_P(Blends, HoldUnderFiltersAndDenyListsAndForMany) {
  const Filter filter = filter_from_words("in_stock");
  const Numbers denied = {11, 111};
  RecommendOptions options = {.k = 60, .deny = denied, .filter = &filter};
  const auto passes = [&](std::int32_t item) {
    return in_stock(item) && std::ranges::count(denied, item) == 0;
  };
  EXPECT_EQ(listed(options, history), first(sorted(passes, history), 60));
  options.blend = &blend;
  const Numbers longer = {1, 2, 3};
  const History histories[] = {history, {}, longer};
  const auto lists = model->recommend_many(histories, options);
  EXPECT_TRUE(lists[1].empty());
  ASSERT_EQ(lists[0].size(), 60U);
  const Numbers alone = listed(options, history);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(lists[0][i].item, alone[i]);
  options.blend = nullptr;
  const auto plain = model->recommend(longer, options);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(lists[2][i].item, plain[i].item);
}

TEST_P(Blends, AreForShortHistoriesAlone) {
  const Numbers longer = {3, 17, 250};
  Numbers plain;
  for (const auto& one : model->recommend(longer, {.k = 10})) plain.push_back(one.item);
  EXPECT_EQ(listed({.k = 10}, longer), plain);
  blend.events = 3;
  EXPECT_EQ(listed({.k = 10}, longer), first(sorted(all, longer), 10));
}

TEST_P(Blends, KeepToCapsPinnedAndBuriedItems) {
  Rules rules;
  rules.pinned = {9, 8};
  rules.buried = filter_from_words("not in_stock");
  rules.caps = {{"brand", 2}};
  Numbers expected = {9, 8};
  std::map<int, int> used = {{2, 1}, {1, 1}};
  for (const std::int32_t item : sorted(in_stock, history)) {
    const bool there = std::ranges::count(expected, item) > 0;
    if (!there && expected.size() < 10 && used[item % 7]++ < 2) expected.push_back(item);
  }
  EXPECT_EQ(listed({.k = 10, .rules = &rules}, history), expected);
  rules.caps = {};
  const Numbers everything = listed({.k = 400, .rules = &rules}, history);
  EXPECT_EQ(everything.size(), 400U);
  EXPECT_FALSE(in_stock(everything[398]));
}

TEST_P(Blends, ScoresAreTheModels) {
  const auto list = model->recommend(history, {.k = 20, .blend = &blend});
  Numbers items;
  for (const auto& one : list) items.push_back(one.item);
  const std::vector<float> scores = model->score(history, items);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_NEAR(list[i].score, scores[i], 1e-5);
}

TEST_P(Blends, WithDiversityAndAShareOfNewItemsGiveWhatIsAskedFor) {
  const bool takes_items = GetParam() != std::string_view("id");
  const ItemTokens tokens = model->card(5).tokens;
  for (int i = 0; takes_items && i < 4; ++i) model->put("new " + std::to_string(i), "", tokens);
  Rules rules;
  rules.new_share = 0.3;
  const Numbers list = listed({.k = 10, .rules = &rules}, history);
  ASSERT_EQ(list.size(), 10U);
  EXPECT_GE(std::ranges::count_if(list, [](std::int32_t item) { return item >= 500; }),
            takes_items ? 3 : 0);
  rules.diversity = 0.5;
  EXPECT_EQ(listed({.k = 10, .rules = &rules}, history).size(), 10U);
}

INSTANTIATE_TEST_SUITE_P(Tokens, Blends,
                         ::testing::Values("unified", "semantic", "collaborative", "id"));

TEST(Blend, IsReadFromANumberOrAnObject) {
  EXPECT_EQ(blend_from_json("0.7").share, 0.7);
  const Blend blend = blend_from_json(R"({"share": 0.3, "events": 5, "from": "mixed"})");
  EXPECT_EQ(blend.share, 0.3);
  EXPECT_EQ(blend.events, 5U);
  EXPECT_TRUE(blend.from.in_turns);
  EXPECT_EQ(blend_from_json("{}").from.order, std::vector{Source::trending});
  const auto refused = [](const char* json, std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>([&] { blend_from_json(json); }, parts);
  };
  refused("much", {"blend"});
  refused("[]", {"blend", "object"});
  refused(R"({"shares": 1})", {"'shares'", "'share'"});
  refused(R"({"share": "1"})", {"share", "number"});
  refused(R"({"events": 1.5})", {"events", "whole"});
  refused(R"({"events": 0})", {"events", "from 1"});
  refused(R"({"from": "trendy"})", {"'trendy'"});
  refused("1.5", {"share", "from 0 to 1"});
  refused(R"({"from": "none"})", {"'none'", "nothing to blend with"});
  refused(R"({"from": [1]})", {"from[0]", "string"});
}

TEST_P(Blends, AreCheckedBeforeAnAnswer) {
  const auto refused = [&](std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>([&] { listed({.k = 5}, history); }, parts);
  };
  blend.share = 1.5;
  refused({"share", "from 0 to 1"});
  blend.share = std::numeric_limits<double>::quiet_NaN();
  refused({"share"});
  blend.share = 0.5;
  blend.from.order = {};
  refused({"nothing to blend with"});
  expect_error<UsageError>([&] { model->check(Fallback()); }, {"trending", "with times"});
  EXPECT_NO_THROW(model->check(Fallback{{Source::popular}}));
}

}  // namespace
}  // namespace tessera
