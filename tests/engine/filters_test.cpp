// Lists under filters: the same as those of the items that pass, whatever the share.
#include <gtest/gtest.h>

#include <thread>

#include "engine/attributed_bundle.h"
#include "tessera/model.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;
using testing::expect_error;

class Filtered : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::size_t kItems = testing::kAttributedItems;

  Filtered() {
    testing::write_attributed_bundle(path, GetParam());
    model = std::make_unique<Model>(path);
  }

  /// The list that the filter should give, by a predicate over the whole ranking.
  std::vector<std::int32_t> expected(const Numbers& history, std::size_t k,
                                     const std::function<bool(std::int32_t)>& passes) const {
    std::vector<std::int32_t> items;
    for (const ScoredItem& best : model->recommend(history, {.k = kItems})) {
      if (passes(best.item) && items.size() < k) items.push_back(best.item);
    }
    return items;
  }
  std::vector<std::int32_t> listed(const Numbers& history, std::size_t k, const char* words) const {
    const Filter filter = filter_from_words(words);
    std::vector<std::int32_t> items;
    for (const ScoredItem& best : model->recommend(history, {.k = k, .filter = &filter})) {
      items.push_back(best.item);
    }
    return items;
  }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  std::unique_ptr<Model> model;
};

TEST_P(Filtered, ListsAreThoseOfTheItemsThatPass) {
  const Numbers history = {3, 17, 250};
  EXPECT_EQ(listed(history, 10, "in_stock"),
            expected(history, 10, [](std::int32_t item) { return item % 2 == 1; }));
  EXPECT_EQ(listed(history, 10, "price < 3"),  // few enough to be scored one by one
            expected(history, 10, [](std::int32_t item) { return item % 100 < 3; }));
  EXPECT_EQ(listed(history, 10, "kind = 'rare'"),
            expected(history, 10, [](std::int32_t item) { return item % 250 == 7; }));
  EXPECT_EQ(listed(history, 10, "price < 0"), std::vector<std::int32_t>());
  EXPECT_EQ(listed(history, 10, "price >= 0"),
            expected(history, 10, [](std::int32_t) { return true; }));
}

TEST_P(Filtered, ScoresDoNotDependOnHowTheyWereFound) {
  const Numbers history = {3, 17, 250};
  const auto all = model->recommend(history, {.k = kItems});
  const Filter filter = filter_from_words("kind = 'rare'");
  for (const ScoredItem& few : model->recommend(history, {.k = 5, .filter = &filter})) {
    const auto same = std::ranges::find(all, few.item, &ScoredItem::item);
    ASSERT_NE(same, all.end());
    EXPECT_EQ(few.score, same->score);
  }
}

TEST_P(Filtered, GoesTogetherWithAllowAndDenyAndForMany) {
  const Numbers history = {3, 17};
  const Numbers allow = {1, 2, 3, 5, 101, 102}, deny = {101};
  const Filter filter = filter_from_words("in_stock and price < 4");
  const RecommendOptions options = {.k = 10, .allow = allow, .deny = deny, .filter = &filter};
  const History histories[] = {history, {}, history};
  const auto lists = model->recommend_many(histories, options);
  ASSERT_EQ(lists.size(), 3U);
  ASSERT_EQ(lists[0].size(), 1U);
  EXPECT_EQ(lists[0][0].item, 1);
  EXPECT_TRUE(lists[1].empty());
  EXPECT_EQ(model->recommend(history, options)[0].item, 1);
}

TEST_P(Filtered, AChangedAttributeCountsForTheNextList) {
  const Numbers history = {3};
  const std::int32_t best = listed(history, 1, "in_stock").at(0);
  model->set_attributes(best, {{"in_stock", false}});
  EXPECT_NE(listed(history, 1, "in_stock").at(0), best);
  model->set_attributes(best, {{"in_stock", true}});
  EXPECT_EQ(listed(history, 1, "in_stock").at(0), best);
  expect_error<UsageError>([&] { model->set_attributes(best, {{"in_stok", true}}); },
                           {"did you mean 'in_stock'"});
  EXPECT_THROW(model->set_attributes(static_cast<std::int32_t>(kItems), {}), Error);
}

TEST_P(Filtered, ErasedItemsAreNotListed) {
  const Numbers history = {3};
  model->erase("7");
  EXPECT_EQ(listed(history, 10, "kind = 'rare'"), std::vector<std::int32_t>{257});
}

TEST_P(Filtered, SimilarItemsPassToo) {
  const Filter filter = filter_from_words("price < 10 and in_stock");
  const auto found = model->similar(4, 20, &filter);
  ASSERT_EQ(found.size(), 20U);
  for (const Neighbour& other : found) {
    EXPECT_LT(other.number % 100, 10);
    EXPECT_EQ(other.number % 2, 1);
  }
}

TEST_P(Filtered, ListsHoldWhatPassedWhileAttributesChange) {
  const Filter filter = filter_from_words("in_stock");
  std::jthread writer([&] {
    for (int i = 0; i < 3000; ++i) {  // even items come and go, odd ones stay
      model->set_attributes((i * 2) % 500, {{"in_stock", i % 4 < 2}});
    }
  });
  const Numbers history = {3};
  for (int i = 0; i < 50; ++i) {
    const auto list = model->recommend(history, {.k = kItems, .filter = &filter});
    const auto odd = std::ranges::count_if(list, [](auto& one) { return one.item % 2 == 1; });
    EXPECT_EQ(odd, 249);  // but the history's
  }
}

INSTANTIATE_TEST_SUITE_P(Tokens, Filtered,
                         ::testing::Values("unified", "semantic", "collaborative", "id"));

TEST(ModelWithoutAttributes, SaysHowToHaveSome) {
  const testing::TempDirectory directory;
  testing::write_small_bundle(directory.path());
  const Model model(directory.path());
  EXPECT_TRUE(model.attributes().empty());
  const Filter filter = filter_from_words("price < 5");
  const Numbers history = {1};
  expect_error<UsageError>([&] { model.recommend(history, {.filter = &filter}); },
                           {"no attribute 'price'", "prepare --attributes"});
}

}  // namespace
}  // namespace tessera
