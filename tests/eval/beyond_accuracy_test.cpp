#include "eval/beyond_accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "testing/datasets.h"

namespace tessera {
namespace {

using enum PopularityGroup;

// Four items with 8, 4, 4 and 0 of 16 training events.
const Popularity kPopularity{{8, 4, 4, 0}, {head, middle, middle, cold}, 16};

TEST(BeyondAccuracy, EqualsFiguresByHand) {
  const TopLists lists{2, {0, 1, 0, 3, 0, -1}};
  const BeyondAccuracy measures = beyond_accuracy(lists, kPopularity, 4.0, {});
  EXPECT_DOUBLE_EQ(measures.coverage, 0.75);
  EXPECT_DOUBLE_EQ(measures.gini, (-3 * 0 - 1 * 1 + 1 * 1 + 3 * 3) / (4.0 * 5));  // 0 1 1 3
  EXPECT_DOUBLE_EQ(measures.popularity, (6.0 + 4.0 + 8.0) / 3);
  EXPECT_DOUBLE_EQ(measures.popularity_lift, 0.5);
  EXPECT_DOUBLE_EQ(measures.novelty,
                   (1.5 + 2.5 + 1.0) / 3);  // bits: 1, 2, 2 and 4 (as if one event)
  EXPECT_EQ(measures.diversity, std::nullopt);
  EXPECT_EQ(measures.exposure, (std::array{0.6, 0.2, 0.0, 0.2}));
}

TEST(BeyondAccuracy, KnowsTheExtremesOfExposure) {
  const auto gini = [](std::vector<std::int32_t> items) {
    return beyond_accuracy({2, std::move(items)}, kPopularity, 1.0, {}).gini;
  };
  EXPECT_DOUBLE_EQ(gini({0, 1, 2, 3}), 0.0);
  EXPECT_DOUBLE_EQ(gini({2, -1, 2, -1}), 0.75);  // 1 − 1/items
}

TEST(BeyondAccuracy, DiversityIsTheMeanDistanceOfPairs) {
  constexpr std::size_t kItems = 30;
  Random random(3);
  Matrix embeddings(kItems, 7);
  for (float& x : embeddings.span()) x = static_cast<float>(random.normal());
  std::ranges::fill(embeddings.view().row(4), 0.0F);  // without a text: unlike all others
  for (float& x : embeddings.view().row(5)) x *= 100.0F;
  const auto cosine = [&](std::int32_t a, std::int32_t b) {
    double dot = 0.0;
    double left = 0.0;
    double right = 0.0;
    for (std::size_t d = 0; d < 7; ++d) {
      const double x = embeddings[static_cast<std::size_t>(a)][d];
      const double y = embeddings[static_cast<std::size_t>(b)][d];
      dot += x * y;
      left += x * x;
      right += y * y;
    }
    return left * right == 0.0 ? 0.0 : dot / std::sqrt(left * right);
  };
  TopLists lists{4, {4, 5, 6, 7, 9, -1, -1, -1}};
  for (int u = 0; u < 20; ++u) {
    const auto order = random.permutation(kItems);
    lists.items.insert(lists.items.end(), order.begin(), order.begin() + 4);
    if (u % 3 == 0) lists.items.back() = -1;
  }
  double expected = 0.0;
  double users = 0.0;
  for (std::size_t u = 0; u < lists.users(); ++u) {
    const auto list = lists.of(u);
    if (list.size() < 2) continue;
    double sum = 0.0;
    double pairs = 0.0;
    for (std::size_t a = 0; a < list.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        sum += 1.0 - cosine(list[a], list[b]);
        pairs += 1.0;
      }
    }
    expected += sum / pairs;
    users += 1.0;
  }
  const Popularity popularity{std::vector<std::uint32_t>(kItems, 1),
                              std::vector<PopularityGroup>(kItems, head), kItems};
  const BeyondAccuracy measures = beyond_accuracy(lists, popularity, 1.0, embeddings);
  ASSERT_TRUE(measures.diversity);
  EXPECT_NEAR(*measures.diversity, expected / users, 1e-5);
}

TEST(BeyondAccuracy, OfListsOfOneOrNoneHasNoDiversity) {
  const Matrix embeddings(4, 2);
  EXPECT_EQ(beyond_accuracy({1, {0, 1}}, kPopularity, 1.0, embeddings).diversity, std::nullopt);
  const BeyondAccuracy none = beyond_accuracy({2, {-1, -1}}, kPopularity, 1.0, embeddings);
  EXPECT_EQ(none.diversity, std::nullopt);
  EXPECT_EQ(none.coverage, 0.0);
  EXPECT_EQ(to_json(none).at("diversity"), nullptr);
}

TEST(HistoryPopularity, IsTheMeanOfUsersMeans) {
  const Dataset data = testing::dataset_of({{0, 0, 1, 2}, {0, 3, 3}, {1, 2}}, 4);
  // Training events: item 0 three, items 1 and 2 one each.
  const Popularity popularity = training_popularity(data);
  EXPECT_DOUBLE_EQ(history_popularity(data, Split::test, popularity),
                   ((3.0 + 3.0 + 1.0) / 3 + (3.0 + 0.0) / 2) / 2);
  EXPECT_DOUBLE_EQ(history_popularity(data, Split::validation, popularity), 3.0);
}

TEST(TargetLists, HoldTheTargets) {
  const Dataset data = testing::dataset_of({{0, 1, 2}, {0}, {0, 3, 1}}, 4);
  EXPECT_EQ(target_lists(data, Split::test).items, (std::vector<std::int32_t>{2, 1}));
  EXPECT_EQ(target_lists(data, Split::validation).items, (std::vector<std::int32_t>{1, 3}));
}

}  // namespace
}  // namespace tessera
