// Lists under drawn filters and rules while attributes, ends and items change, against sorting all
// items by their values.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <thread>

#include "engine/attributed_bundle.h"
#include "tessera/model.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;

/// What the test knows of an item, beside the model.
struct Known {
  std::optional<double> price;
  bool in_stock = false;
  int brand = 0;
  bool ended = false;
  bool erased = false;
};

struct DrawnFilter {
  Filter filter;
  std::function<bool(const Known&)> passes;
};

struct DrawnRules {
  Rules rules;
  std::vector<DrawnFilter> boosted;
  std::optional<DrawnFilter> buried;
};

class BruteForce : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::int32_t kItems = static_cast<std::int32_t>(testing::kAttributedItems);

  BruteForce() {
    const fs::path path = directory_.path() / "bundle";
    testing::write_attributed_bundle(path, GetParam());
    AttributeTable table({{"price", AttributeType::number},
                          {"in_stock", AttributeType::boolean},
                          {"brand", AttributeType::labels},
                          {"expires", AttributeType::time}});
    for (std::int32_t i = 0; i < kItems; ++i) {
      known.push_back({static_cast<double>(i % 100), i % 2 == 1, i % 7});
      table.set(0, i, static_cast<double>(i % 100));
      table.set(1, i, i % 2 == 1);
      table.set(2, i, std::vector<std::string>{std::to_string(i % 7)});
    }
    table.write(path / kAttributesFile, testing::kAttributedItems);
    model.emplace(path);
    for (const Numbers& history : histories) {
      std::vector<float> scores(testing::kAttributedItems);
      for (const auto& one : model->recommend(history, {.k = 500, .repeats = true})) {
        scores[static_cast<std::size_t>(one.item)] = one.score;
      }
      scores_of.push_back(scores);
    }
  }

  DrawnFilter condition() {
    Filter::Condition condition;
    switch (random.below(4)) {
      case 0: {
        condition.attribute = "in_stock";
        condition.kind = Filter::Condition::Kind::any;
        condition.values = {true};
        return {{.condition = condition}, [](const Known& item) { return item.in_stock; }};
      }
      case 1: {
        const int brand = static_cast<int>(random.below(8));  // one that no item has among them
        condition.attribute = "brand";
        condition.kind = Filter::Condition::Kind::any;
        condition.values = {std::to_string(brand)};
        return {{.condition = condition},
                [brand](const Known& item) { return item.brand == brand; }};
      }
      case 2: {
        condition.attribute = "price";
        return {{.condition = condition}, [](const Known& item) { return item.price.has_value(); }};
      }
      default: {
        const double from = static_cast<double>(random.below(100));
        const double width = std::array{0.0, 1.0, 3.0, 50.0, 200.0}[random.below(5)];
        condition.attribute = "price";
        condition.kind = Filter::Condition::Kind::range;
        condition.gte = from;
        condition.lt = from + width;
        return {{.condition = condition}, [from, width](const Known& item) {
                  return item.price && *item.price >= from && *item.price < from + width;
                }};
      }
    }
  }
  DrawnFilter filter(int depth = 2) {
    if (depth == 0 || random.below(4) == 0) return condition();
    Filter group;
    std::vector<DrawnFilter> must, should, must_not;
    const auto fill = [&](std::vector<DrawnFilter>& drawn, std::vector<Filter>& filters) {
      for (std::uint64_t i = random.below(3); i > 0; --i) {
        drawn.push_back(filter(depth - 1));
        filters.push_back(drawn.back().filter);
      }
    };
    fill(must, group.must);
    fill(should, group.should);
    fill(must_not, group.must_not);
    const auto passes = [=](const Known& item) {
      const auto holds = [&](const DrawnFilter& one) { return one.passes(item); };
      return std::ranges::all_of(must, holds) &&
             (should.empty() || std::ranges::any_of(should, holds)) &&
             std::ranges::none_of(must_not, holds);
    };
    return {group, passes};
  }
  DrawnRules rules() {
    DrawnRules drawn;
    for (std::uint64_t i = random.below(3); i > 0; --i) {
      drawn.boosted.push_back(filter());
      drawn.rules.boosts.push_back({drawn.boosted.back().filter, 0.4 * random.uniform() - 0.2,
                                    std::array{1.0, 1.2, 0.8}[random.below(3)]});
    }
    if (random.below(2) == 0) drawn.rules.popularity_penalty = 0.02 * random.uniform();
    if (random.below(3) == 0) drawn.rules.caps = {{"brand", 1 + random.below(3)}};
    if (random.below(4) == 0) drawn.rules.least_score = 0.0;
    if (random.below(3) == 0) {
      const auto one = static_cast<std::int32_t>(random.below(500));
      drawn.rules.pinned = {one, (one + 77) % kItems};
    }
    if (random.below(3) == 0) {
      drawn.buried = filter();
      drawn.rules.buried = drawn.buried->filter;
    }
    return drawn;
  }

  double value(const DrawnRules& drawn, double score, std::int32_t item) const {
    double sum = score;
    for (std::size_t b = 0; b < drawn.boosted.size(); ++b) {
      const Rules::Boost& boost = drawn.rules.boosts[b];
      if (!drawn.boosted[b].passes(known[static_cast<std::size_t>(item)])) continue;
      sum += boost.add + (boost.factor - 1.0) * std::abs(score);
    }
    return sum - drawn.rules.popularity_penalty * std::log1p(500.0 - item);
  }

  /// By sorting all items of those that `counts`.
  Numbers expected(
      std::size_t history, std::size_t k, const DrawnFilter& filter, const DrawnRules& drawn,
      const std::function<bool(std::int32_t)>& counts = [](auto) { return true; }) const {
    const auto is_there = [&](std::int32_t item) {
      const Known& one = known[static_cast<std::size_t>(item)];
      return counts(item) && !one.ended && !one.erased;
    };
    std::vector<std::pair<double, std::int32_t>> open, buried;
    for (std::int32_t item = 0; item < kItems; ++item) {
      const Known& one = known[static_cast<std::size_t>(item)];
      if (!is_there(item) || !filter.passes(one)) continue;
      if (std::ranges::count(histories[history], item) > 0) continue;
      const double worth = value(drawn, scores_of[history][static_cast<std::size_t>(item)], item);
      (drawn.buried && drawn.buried->passes(one) ? buried : open).emplace_back(-worth, item);
    }
    std::ranges::sort(open);
    std::ranges::sort(buried);
    std::map<int, std::size_t> used;
    Numbers list;
    const auto add = [&](std::int32_t item) {
      const int brand = known[static_cast<std::size_t>(item)].brand;
      if (list.size() >= k || std::ranges::count(list, item) > 0) return;
      if (!drawn.rules.caps.empty() && used[brand] >= drawn.rules.caps[0].most) return;
      ++used[brand];
      list.push_back(item);
    };
    for (const std::int32_t item : drawn.rules.pinned) {
      if (is_there(item)) add(item);
    }
    const std::size_t pinned = list.size();
    for (const auto& [negative, item] : open) add(item);
    for (const auto& [negative, item] : buried) add(item);
    if (!drawn.rules.least_score) return list;
    Numbers kept(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(pinned));
    for (std::size_t i = pinned; i < list.size(); ++i) {
      const auto item = static_cast<std::size_t>(list[i]);
      if (value(drawn, scores_of[history][item], list[i]) >= *drawn.rules.least_score) {
        kept.push_back(list[i]);
      }
    }
    return kept;
  }
  Numbers listed(std::size_t history, std::size_t k, const DrawnFilter& filter,
                 const DrawnRules* drawn) const {
    RecommendOptions options{.k = k, .filter = &filter.filter};
    if (drawn != nullptr) options.rules = &drawn->rules;
    Numbers items;
    for (const auto& one : model->recommend(histories[history], options)) items.push_back(one.item);
    return items;
  }

  void set(std::int32_t item, const char* name, AttributeValue value) {
    AttributeValues values;
    values.emplace_back(name, std::move(value));
    model->set_attributes(item, values);
  }
  /// One change of an item, in the model and in what the test knows.
  void change(std::int32_t item, Random& how) {
    Known& one = known[static_cast<std::size_t>(item)];
    const std::string id = std::to_string(item);
    switch (how.below(6)) {
      case 0:
        one.price.reset();
        if (how.below(5) > 0) one.price = static_cast<double>(how.below(100));
        if (one.price) set(item, "price", *one.price);
        if (!one.price) set(item, "price", {});
        break;
      case 1:
        one.in_stock = !one.in_stock;
        model->set_attributes(item, {{"in_stock", one.in_stock}});
        break;
      case 2:
        one.brand = static_cast<int>(how.below(7));
        model->set_attributes(item,
                              {{"brand", std::vector<std::string>{std::to_string(one.brand)}}});
        break;
      case 3:
        one.ended = !one.ended;
        model->set_attributes(item,
                              {{"expires", testing::seconds_now() + (one.ended ? -1.0 : 3600.0)}});
        break;
      default:
        if (one.erased) model->restore(id);
        if (!one.erased) model->erase(id);
        one.erased = !one.erased;
    }
  }

  std::optional<Model> model;
  const std::vector<Numbers> histories = {{3}, {17, 250, 4}, {499, 0, 123, 77}};
  std::vector<std::vector<float>> scores_of;  // by history and item
  std::vector<Known> known;
  Random random{20, {}};

 private:
  testing::TempDirectory directory_;
};

TEST_P(BruteForce, ListsAreThoseOfSortingEverything) {
  std::size_t empty = 0, whole = 0;
  for (int round = 0; round < 400; ++round) {
    for (int i = 0; i < 5; ++i) change(static_cast<std::int32_t>(random.below(500)), random);
    const DrawnFilter filter = this->filter();
    const DrawnRules drawn = rules();
    const std::size_t history = random.below(histories.size());
    const std::size_t k = std::array{1U, 10U, 100U, 500U}[random.below(4)];
    ASSERT_EQ(listed(history, k, filter, &drawn), expected(history, k, filter, drawn)) << round;
    const Numbers plain = expected(history, k, filter, {});
    ASSERT_EQ(listed(history, k, filter, nullptr), plain) << round;
    empty += plain.empty() ? 1 : 0;
    whole += plain.size() == k ? 1 : 0;
  }
  EXPECT_GT(empty, 10U) << "filters of all selectivities";
  EXPECT_GT(whole, 100U);
}

TEST_P(BruteForce, ItemsThatStayAreListedRightWhileOthersChange) {
  const auto stays = [](std::int32_t item) { return item % 2 == 0; };
  std::atomic<bool> going = true;
  std::vector<std::jthread> writers;
  for (std::int32_t first : {1, 3}) {
    writers.emplace_back([&, first] {
      Random how(21, {static_cast<std::uint64_t>(first)});
      while (going) change(first + 4 * static_cast<std::int32_t>(how.below(125)), how);
    });
  }
  for (int round = 0; round < 60; ++round) {
    const DrawnFilter filter = this->filter();
    DrawnRules drawn = rules();
    drawn.rules.caps = {};  // what changes would take the places of what stays
    drawn.rules.pinned = {};
    const std::size_t history = random.below(histories.size());
    Numbers staying;
    for (const std::int32_t item : listed(history, 500, filter, &drawn)) {
      if (stays(item)) staying.push_back(item);
    }
    EXPECT_EQ(staying, expected(history, 500, filter, drawn, stays)) << round;
    if (HasFailure()) break;
  }
  going = false;
}

INSTANTIATE_TEST_SUITE_P(Layouts, BruteForce,
                         ::testing::Values("unified", "semantic", "collaborative", "id"));

}  // namespace
}  // namespace tessera
