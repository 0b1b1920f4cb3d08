#include "index/top_items.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "index/index_file.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

constexpr std::size_t kFewItems = 33;

class TopItems : public ::testing::Test {
 protected:
  TopItems() {
    Settings settings = testing::small_settings();
    settings.tokens = "id";
    model = testing::small_model(settings, kFewItems, 0);
    catalogue = encode_catalogue(model, {});
    index = build_index(model, catalogue);
  }
  /// All items but those of the history, by their scores, plainly.
  std::vector<std::int32_t> plain_order(History history, bool exclude) const {
    Matrix state(1, model.settings.width());
    const History histories[] = {history};
    user_states(model, catalogue, histories, state);
    Matrix scores(1, kFewItems);
    score_catalogue(catalogue, state, scores);
    std::vector<std::int32_t> order;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(kFewItems); ++i) {
      if (!exclude || std::ranges::find(history, i) == history.end()) order.push_back(i);
    }
    std::ranges::stable_sort(
        order, [&](std::int32_t a, std::int32_t b) { return scores[0][a] > scores[0][b]; });
    return order;
  }
  Recommender model;
  Catalogue catalogue;
  std::unique_ptr<ItemIndex> index;
};

std::vector<std::int32_t> numbers(const std::vector<ScoredItem>& items) {
  std::vector<std::int32_t> result;
  for (const ScoredItem& item : items) result.push_back(item.item);
  return result;
}

TEST_F(TopItems, EqualsSortingEverythingForOneAndForManyHistories) {
  std::vector<std::vector<std::int32_t>> histories;
  for (std::int32_t i = 0; i < 300; ++i) histories.push_back({i % 33, (i * 7 + 1) % 33});
  const std::vector<History> views(histories.begin(), histories.end());
  const auto best = top_items(model, copy_from(catalogue), *index, views, {.k = 7});
  ASSERT_EQ(best.size(), histories.size());
  for (std::size_t i = 0; i < histories.size(); i += 17) {
    std::vector<std::int32_t> expected = plain_order(histories[i], true);
    expected.resize(7);
    EXPECT_EQ(numbers(best[i]), expected) << i;
  }
}

TEST_F(TopItems, HistoryIsLeftOutUnlessAskedFor) {
  const std::vector<std::int32_t> history = {3, 5, 3};
  const History histories[] = {history};
  const auto without =
      numbers(top_items(model, copy_from(catalogue), *index, histories, {.k = 100}).front());
  EXPECT_EQ(without.size(), kFewItems - 2);
  EXPECT_EQ(std::ranges::count(without, 3) + std::ranges::count(without, 5), 0);
  const auto with = numbers(top_items(model, copy_from(catalogue), *index, histories,
                                      {.k = 100, .exclude_history = false})
                                .front());
  EXPECT_EQ(with, plain_order(history, false));
}

TEST_F(TopItems, NothingIsLeftOfAHistoryThatHoldsEverything) {
  std::vector<std::int32_t> all(kFewItems);
  std::iota(all.begin(), all.end(), 0);
  const History histories[] = {all};
  EXPECT_TRUE(top_items(model, copy_from(catalogue), *index, histories, {.k = 5}).front().empty());
  EXPECT_TRUE(top_items(model, copy_from(catalogue), *index, {}, {.k = 5}).empty());
}

TEST_F(TopItems, ADivergedModelIsRefused) {
  catalogue.vectors[4][0] = testing::kNan;
  testing::expect_error([&] { build_index(model, catalogue); }, {"ID vector", "not finite"});
  const std::vector<std::int32_t> history = {4};
  const History histories[] = {history};
  testing::expect_error([&] { top_items(model, copy_from(catalogue), *index, histories, {}); },
                        {"state", "not finite"});
}

}  // namespace
}  // namespace tessera
