// Rules: lists equal those that sorting everything by its value under the rules gives.
#include "tessera/rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/attributed_bundle.h"
#include "tessera/model.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;
using testing::expect_error;

class Ruled : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::int32_t kItems = static_cast<std::int32_t>(testing::kAttributedItems);

  Ruled() {
    testing::write_attributed_bundle(path, GetParam());
    model = std::make_unique<Model>(path);
  }
  Numbers listed(const Rules& rules, std::size_t k = 10) const {
    Numbers items;
    for (const auto& best : model->recommend(history, {.k = k, .rules = &rules})) {
      items.push_back(best.item);
    }
    return items;
  }
  /// All items but the history's by value(score, item), the best first.
  Numbers sorted(const std::function<double(double, std::int32_t)>& value) const {
    std::vector<std::pair<double, std::int32_t>> all;
    for (const auto& scored : model->recommend(history, {.k = testing::kAttributedItems})) {
      all.emplace_back(-value(scored.score, scored.item), scored.item);
    }
    std::ranges::sort(all);
    Numbers items;
    for (const auto& [negative, item] : all) items.push_back(item);
    return items;
  }
  static Numbers first(Numbers items, std::size_t count) {
    items.resize(std::min(items.size(), count));
    return items;
  }
  static Rules rules_of(const char* json) {
    return rules_from_json(json, 86400.0 * 400, [](std::string_view id) {
      return std::optional(static_cast<std::int32_t>(std::stoi(std::string(id))));
    });
  }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  std::unique_ptr<Model> model;
  const Numbers history = {3, 17, 250};
};

TEST_P(Ruled, WithoutAnyTheListIsThePlainOne) {
  EXPECT_EQ(listed({}), first(sorted([](double score, auto) { return score; }), 10));
}

TEST_P(Ruled, BoostsAreExactHoweverFarDownTheyReach) {
  for (const double add : {0.01, 0.1, 10.0}) {
    Rules rules = rules_of(R"({"boosts": [{"filter": "price < 3", "add": 0},
                                          {"filter": "in_stock", "factor": 1.3}]})");
    rules.boosts[0].add = add;
    const auto value = [&](double score, std::int32_t item) {
      return score + (item % 100 < 3 ? add : 0.0) + (item % 2 == 1 ? 0.3 * std::abs(score) : 0.0);
    };
    EXPECT_EQ(listed(rules), first(sorted(value), 10)) << add;
  }
}

TEST_P(Ruled, NewerItemsAndRarerOnesGetMore) {
  const Rules rules = rules_of(
      R"({"freshness": [{"key": "since", "add": 0.5, "half_life_days": 50}], "popularity_penalty": 0.02})");
  const auto value = [&](double score, std::int32_t item) {
    return score + 0.5 * std::exp2(-std::max(400.0 - item, 0.0) / 50.0) -
           0.02 * std::log1p(500.0 - item);
  };
  EXPECT_EQ(listed(rules), first(sorted(value), 10));
}

TEST_P(Ruled, CapsLetTheBestOfEachLabelIn) {
  const Rules rules = rules_of(R"({"caps": [{"key": "brand", "most": 2}]})");
  Numbers expected;
  std::map<int, int> used;
  for (const std::int32_t item : sorted([](double score, auto) { return score; })) {
    if (expected.size() < 10 && used[item % 7]++ < 2) expected.push_back(item);
  }
  EXPECT_EQ(listed(rules), expected);
  EXPECT_EQ(listed(rules, 100).size(), 14U);  // seven brands, and no more places
}

TEST_P(Ruled, PinnedItemsStandFirstAndBuriedOnesLast) {
  const Rules rules = rules_of(R"({"pinned": ["9", "8"], "buried": "in_stock or price < 90"})");
  const Numbers list = listed(rules, 40);
  ASSERT_EQ(list.size(), 40U);
  EXPECT_EQ(first(list, 2), (Numbers{9, 8}));
  for (std::size_t i = 2; i < 27; ++i) {  // five of each hundred are even and cost 90 or more
    EXPECT_TRUE(list[i] % 2 == 0 && list[i] % 100 >= 90) << i << ": " << list[i];
  }
  for (std::size_t i = 27; i < 40; ++i) EXPECT_TRUE(list[i] % 2 == 1 || list[i] % 100 < 90) << i;
}

TEST_P(Ruled, NothingBelowTheLeastScoreIsListed) {
  Rules rules;
  const auto plain = model->recommend(history, {.k = 10});
  rules.least_score = plain[4].score;
  const auto enough = [&](const ScoredItem& one) { return one.score >= plain[4].score; };
  EXPECT_EQ(std::ssize(listed(rules)), std::ranges::count_if(plain, enough));
}

TEST_P(Ruled, DiversityMakesListsLessAlikeAndKeepsTheBest) {
  const auto likeness = [&](const Numbers& items) {
    const std::vector<float> vectors = model->vectors(items);
    double sum = 0.0;
    for (std::size_t a = 0; a < items.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        double ab = 0.0, aa = 0.0, bb = 0.0;
        for (std::size_t c = 0; c < model->width(); ++c) {
          const double x = vectors[a * model->width() + c], y = vectors[b * model->width() + c];
          ab += x * y;
          aa += x * x;
          bb += y * y;
        }
        sum += ab / std::sqrt(aa * bb);
      }
    }
    return sum;
  };
  const Numbers plain = listed({}), diverse = listed(rules_of(R"({"diversity": 0.7})"));
  ASSERT_EQ(diverse.size(), 10U);
  EXPECT_EQ(diverse[0], plain[0]);
  EXPECT_LT(likeness(diverse), likeness(plain));
  EXPECT_EQ(std::set<std::int32_t>(diverse.begin(), diverse.end()).size(), 10U);
}

TEST_P(Ruled, GoTogetherWithFiltersAndForMany) {
  const Rules rules = rules_of(R"({"boosts": [{"filter": "price < 50", "add": 0.2}],
                                   "caps": [{"key": "brand", "most": 1}]})");
  const Filter filter = filter_from_words("in_stock");
  const RecommendOptions options = {.k = 5, .filter = &filter, .rules = &rules};
  const auto one = model->recommend(history, options);
  ASSERT_EQ(one.size(), 5U);
  for (const auto& best : one) EXPECT_EQ(best.item % 2, 1);
  const History histories[] = {history, {}, history};
  const auto many = model->recommend_many(histories, options);
  EXPECT_TRUE(many[1].empty());
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(many[2][i].item, one[i].item);
}

TEST_P(Ruled, EffectsAddUpAndTellThePlaces) {
  const Rules rules = rules_of(
      R"({"boosts": [{"filter": "in_stock", "add": 0.4}, {"filter": "price < 50", "factor": 1.2}],
          "freshness": [{"key": "since", "add": 0.5, "half_life_days": 50}],
          "popularity_penalty": 0.01, "caps": [{"key": "brand", "most": 1}]})");
  const RecommendOptions options = {.k = 5, .rules = &rules};
  const auto list = model->recommend(history, options);
  const auto plain = model->recommend(history, {.k = 5});
  for (std::size_t i = 0; i < list.size(); ++i) {
    const RuleEffects effects = model->explain_rules(history, list[i].item, options);
    double sum = effects.score;
    for (const auto& part : effects.parts) sum += part.adds;
    EXPECT_NEAR(sum, effects.value, 1e-9);
    EXPECT_NEAR(effects.value, list[i].score, 1e-4);
    EXPECT_EQ(effects.place, i + 1);
    const auto found = std::ranges::find(plain, list[i].item, &ScoredItem::item);
    EXPECT_EQ(effects.place_without.has_value(), found != plain.end());
    EXPECT_TRUE(effects.full.empty());
  }
  // Of the best one's brand no other is let in.
  const std::int32_t same_brand = list[0].item + (list[0].item < 7 ? 7 : -7);
  const RuleEffects kept_out = model->explain_rules(history, same_brand, options);
  EXPECT_FALSE(kept_out.place);
  EXPECT_EQ(kept_out.full, std::vector{"caps[0]: brand " + std::to_string(list[0].item % 7)});
  expect_error<UsageError>([&] { model->explain_rules(history, 1, {}); }, {"no rules"});
}

INSTANTIATE_TEST_SUITE_P(Tokens, Ruled,
                         ::testing::Values("unified", "semantic", "collaborative", "id"));

TEST(RulesOfNewItems, GiveThemTheirShare) {
  const testing::TempDirectory directory;
  testing::write_small_bundle(directory.path());
  Model model(directory.path());
  for (int i = 0; i < 4; ++i) {
    model.put("new " + std::to_string(i), "oak desk", model.tokens_of("oak desk"));
  }
  Rules rules;
  rules.new_share = 0.4;
  const Numbers history = {1, 2};
  const auto count_new = [&](const std::vector<ScoredItem>& list) {
    return std::ranges::count_if(list, [](const auto& one) { return one.item >= 16; });
  };
  const auto list = model.recommend(history, {.k = 10, .rules = &rules});
  EXPECT_EQ(list.size(), 10U);
  EXPECT_GE(count_new(list), 4);
}

TEST(RulesJson, NamesTheFieldThatIsWrong) {
  const auto refused = [](const char* json, std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>(
        [&] { rules_from_json(json, 0.0, [](auto) { return std::optional<std::int32_t>(); }); },
        parts);
  };
  refused("[", {"rules"});
  refused(R"({"boost": []})", {"unknown field 'boost'", "did you mean 'boosts'"});
  refused(R"({"boosts": [{"filter": "a =", "add": 1}]})", {"filter 'a ='"});
  refused(R"({"boosts": [{"add": "much"}]})", {"boosts[0].add", "a number"});
  refused(R"({"caps": [{"most": 2}]})", {"caps[0].key", "a string"});
  refused(R"({"caps": [{"key": "brand", "most": 0}]})", {"caps[0].most"});
  refused(R"({"pinned": [{}]})", {"pinned[0]", "an item's id"});
}

TEST_P(Ruled, AreCheckedAgainstTheAttributes) {
  const auto refused = [&](const char* json, std::initializer_list<std::string_view> parts) {
    const Rules rules = rules_of(json);
    expect_error<UsageError>([&] { model->recommend(history, {.rules = &rules}); }, parts);
  };
  refused(R"({"boosts": [{"filter": "prise < 3", "add": 1}]})", {"did you mean 'price'"});
  refused(R"({"boosts": [{"filter": "price < 3", "factor": 2.5}]})", {"between 0 and 2"});
  refused(R"({"freshness": [{"key": "price", "add": 1}]})",
          {"'price' is of type number, not time"});
  refused(R"({"caps": [{"key": "since"}]})", {"'since' is of type time, not labels"});
  refused(R"({"diversity": 1.5})", {"diversity", "from 0 to 1"});
  refused(R"({"boosts": [{"add": 1e308}, {"add": 1e308}]})", {"boosts.add", "within", "1e15"});
  refused(R"({"freshness": [{"key": "since", "add": -1e16}]})", {"freshness.add", "within"});
  refused(R"({"popularity_penalty": 1e16})", {"popularity_penalty", "within"});
  refused(R"({"least_score": -1e16})", {"least_score", "within"});
}

}  // namespace
}  // namespace tessera
