#include "index/item_index.h"

#include <gtest/gtest.h>

#include <cmath>

#include "index/small_catalogue.h"
#include "testing/errors.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::PlainItems;
using testing::SmallCatalogue;

const std::function<bool(std::int32_t)> kAll = [](std::int32_t) { return true; };

/// The found list holds what brute force finds, best first: scores within 1e-5 of its scale, and
/// the same items but where brute force itself sees a tie within rounding.
void expect_best(const std::vector<ScoredItem>& found,
                 const std::vector<std::pair<double, std::int32_t>>& expected,
                 const std::function<double(std::int32_t)>& score) {
  ASSERT_EQ(found.size(), expected.size());
  double scale = 1.0;
  for (const auto& [value, item] : expected) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].score, expected[i].first, 1e-5 * scale) << "rank " << i;
    EXPECT_NEAR(found[i].score, score(found[i].item), 1e-5 * scale) << "item " << found[i].item;
    if (found[i].item == expected[i].second) continue;
    EXPECT_NEAR(score(found[i].item), expected[i].first, 1e-12 * scale) << "rank " << i;
  }
}

void expect_exact(const ItemIndex& index, const SmallCatalogue& catalogue, const PlainItems& items,
                  MatrixView<const float> states, std::size_t k, const SearchFilter& filter = {},
                  const std::function<bool(std::int32_t)>& passes = kAll) {
  for (std::size_t i = 0; i < states.rows; ++i) {
    const auto state = states.row(i);
    const auto expected = testing::plain_best(catalogue.tables, items, state, k, passes);
    const auto score = [&](std::int32_t item) {
      return testing::plain_score(catalogue.tables, state, items.at(item));
    };
    for (const ScanTarget& target : scan_targets()) {
      SCOPED_TRACE(target.name);
      SearchStatistics statistics;
      expect_best(index.search(state, k, filter, target.scan, statistics), expected, score);
    }
  }
}

class Shapes : public ::testing::TestWithParam<SmallCatalogue::Shape> {};

TEST_P(Shapes, SearchEqualsSortingEverything) {
  SmallCatalogue catalogue(GetParam());
  const auto index = catalogue.index();
  EXPECT_EQ(index->size(), catalogue.items());
  const Matrix states = catalogue.states(8);
  const PlainItems items = testing::plain_items(catalogue);
  for (const std::size_t k : {1U, 10U, 1000U}) expect_exact(*index, catalogue, items, states, k);
}

INSTANTIATE_TEST_SUITE_P(
    Index, Shapes,
    ::testing::Values(
        SmallCatalogue::Shape{.items = 5000, .codebook_size = 256},
        SmallCatalogue::Shape{.items = 0}, SmallCatalogue::Shape{.items = 1},
        SmallCatalogue::Shape{.items = 63}, SmallCatalogue::Shape{.items = 256},
        SmallCatalogue::Shape{.items = 257}, SmallCatalogue::Shape{.items = 1000, .id_dims = 3},
        SmallCatalogue::Shape{.items = 2000, .places = 0, .codebook_size = 0, .id_dims = 64},
        SmallCatalogue::Shape{.items = 20000, .places = 1, .codebook_size = 2, .id_dims = 1},
        SmallCatalogue::Shape{.items = 2000, .places = 3, .codebook_size = 16, .id_dims = 0},
        SmallCatalogue::Shape{.items = 2000, .places = 2, .codebook_size = 1000, .id_dims = 8},
        SmallCatalogue::Shape{.items = 2000, .places = 11, .codebook_size = 64, .id_dims = 8},
        SmallCatalogue::Shape{.items = 300000, .places = 1, .codebook_size = 4, .id_dims = 2},
        // As many axes as there may be, with some left over: default's 35 codes, codes alone, IDs
        // alone.
        SmallCatalogue::Shape{.items = 3000, .places = 35, .id_dims = 4, .width = 132},
        SmallCatalogue::Shape{.items = 3000, .places = 3, .id_dims = 0, .width = 64},
        SmallCatalogue::Shape{
            .items = 3000, .places = 0, .codebook_size = 0, .id_dims = 64, .width = 64}));

// Bounds and rounded sums must never lose an item that just reaches the threshold: here it stands
// at the very score of the one item that is admitted.
void expect_items_at_their_thresholds(const SmallCatalogue& catalogue, const ScoreSpace& space,
                                      MatrixView<const float> states) {
  const Segment segment = catalogue.segment(space);
  const AllowedItems all;
  for (std::size_t s = 0; s < states.rows; ++s) {
    const IndexQuery query = index_query(space, states.row(s));
    for (std::size_t i = 0; i < catalogue.items(); ++i) {
      const auto item = static_cast<std::int32_t>(i);
      const double score =
          token_score(query.scores, space.tables.codebook_size, catalogue.codes_of(i),
                      std::span<const float>(catalogue.ids.view().row(i)));
      for (const ScanTarget& target : scan_targets()) {
        TopK best(1);
        best.add(score, std::numeric_limits<std::int32_t>::max());
        SearchStatistics statistics;
        segment.search(query, {all, [&](std::int32_t other) { return other == item; }}, target.scan,
                       best, statistics);
        ASSERT_EQ(best.take().front().item, item) << target.name << ", state " << s;
      }
    }
  }
}

TEST(Segment, AnItemAtTheThresholdIsFound) {
  for (const auto& shape :
       {SmallCatalogue::Shape{.items = 1500, .codebook_size = 256},
        SmallCatalogue::Shape{.items = 1500, .places = 2, .codebook_size = 700},
        SmallCatalogue::Shape{.items = 1500, .places = 0, .id_dims = 3},
        SmallCatalogue::Shape{.items = 1500, .codebook_size = 2, .id_dims = 1},
        SmallCatalogue::Shape{.items = 1500, .places = 5, .id_dims = 4, .width = 70}}) {
    SmallCatalogue catalogue(shape);
    expect_items_at_their_thresholds(catalogue, catalogue.space(), catalogue.states(2));
  }
}

// A state that looks along one axis alone leaves one term of each bound: sides of boxes, balls, and
// both groups of what is left over.
TEST(Segment, AnItemAtTheThresholdIsFoundAlongEveryKindOfAxis) {
  SmallCatalogue catalogue(
      {.items = 300, .places = 0, .codebook_size = 0, .id_dims = 90, .width = 90});
  const ScoreSpace space = catalogue.space();
  ASSERT_EQ(space.axes.ball_axes, 56U);
  const std::vector<std::size_t> axes = {0, 15, 16, 71, 72, 75, 76, 89};
  Matrix states(2 * axes.size(), 90);
  for (std::size_t a = 0; a < axes.size(); ++a) {
    for (std::size_t w = 0; w < 90; ++w) {
      states[2 * a][w] = space.axes.to_axes[axes[a]][w];
      states[2 * a + 1][w] = -states[2 * a][w];
    }
  }
  expect_items_at_their_thresholds(catalogue, space, states);
}

// Items at the corners of their box are where their fields say: nothing is left over that could
// hide what rounding of the weights takes.
TEST(Segment, AnItemAtTheThresholdIsFoundWhereItsFieldsAreExact) {
  SmallCatalogue catalogue(
      {.items = 160, .places = 0, .codebook_size = 0, .id_dims = 4, .width = 4});
  for (std::size_t i = 0; i < catalogue.items(); ++i) {
    for (std::size_t d = 0; d < 4; ++d) {
      catalogue.ids[i][d] = ((i >> d & 1) != 0 ? 1.0F : -1.0F) * (1.0F + static_cast<float>(d));
    }
  }
  ScoreSpace space = catalogue.space();
  space.axes = score_axes(4, catalogue.vectors(), {});  // aligned with the dimensions
  expect_items_at_their_thresholds(catalogue, space, catalogue.states(20));
}

TEST(ItemIndex, AllScoresEqualStandInTheOrderOfItemNumbers) {
  SmallCatalogue catalogue({.items = 3000});
  const std::vector<float> nowhere(catalogue.tables.width, 0.0F);
  const auto best = catalogue.index()->search(nowhere, 100);
  ASSERT_EQ(best.size(), 100U);
  for (std::int32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(best[static_cast<std::size_t>(i)].item, i);
    EXPECT_EQ(best[static_cast<std::size_t>(i)].score, 0.0F);
  }
}

TEST(ItemIndex, AllCodesEqualOrAllIdVectorsEqual) {
  SmallCatalogue catalogue({.items = 3000});
  const Matrix states = catalogue.states(4);
  std::ranges::fill(catalogue.codes, 7);
  expect_exact(*catalogue.index(), catalogue, testing::plain_items(catalogue), states, 50);
  for (float& x : catalogue.ids.span()) x = 0.25F;
  expect_exact(*catalogue.index(), catalogue, testing::plain_items(catalogue), states, 50);
}

TEST(ItemIndex, EqualTokensScoreBitwiseEqual) {
  SmallCatalogue catalogue({.items = 4000, .places = 2, .codebook_size = 3, .id_dims = 0});
  const Matrix states = catalogue.states(3);
  const auto index = catalogue.index();
  for (std::size_t i = 0; i < states.rows(); ++i) {
    std::map<std::vector<std::int32_t>, float> score_of;
    for (const ScoredItem& found : index->search(states.view().row(i), 4000)) {
      const auto codes = catalogue.codes_of(static_cast<std::size_t>(found.item));
      const auto [at, added] =
          score_of.emplace(std::vector(codes.begin(), codes.end()), found.score);
      EXPECT_EQ(at->second, found.score);
    }
    EXPECT_LE(score_of.size(), 9U);
  }
}

TEST(ItemIndex, AFewHugeItemsDoNotSpoilTheOthers) {
  SmallCatalogue catalogue({.items = 3000});
  for (std::size_t i = 500; i < 700; ++i) {
    for (float& x : catalogue.ids.view().row(i)) x *= 1e9F;
  }
  const Matrix states = catalogue.states(4);
  const auto index = catalogue.index();
  const PlainItems items = testing::plain_items(catalogue);
  expect_exact(*index, catalogue, items, states, 300);
  // Without the huge ones the list is that of the others alone.
  const auto small = [](std::int32_t item) { return item < 500 || item >= 700; };
  expect_exact(*index, catalogue, items, states, 300, {.accepts = small}, small);
}

// Axes are chosen for the items a model was trained with; they bound any others.
TEST(ItemIndex, ItemsThatLieWhereNoAxisExpectsThem) {
  const SmallCatalogue::Shape shape{
      .items = 2000, .places = 0, .codebook_size = 0, .id_dims = 90, .width = 90};
  SmallCatalogue expected(shape);
  const auto spread_over = [](SmallCatalogue& catalogue, std::size_t first, std::size_t last) {
    for (std::size_t i = 0; i < catalogue.items(); ++i) {
      for (std::size_t d = 0; d < 90; ++d) {
        if (d < first || d >= last) catalogue.ids[i][d] *= 1e-4F;
      }
    }
  };
  spread_over(expected, 0, 16);
  // All along the expected axes, along one alone, in what should be left over, nowhere.
  for (const auto& [first, last] : {std::pair(0U, 16U), std::pair(5U, 6U), std::pair(70U, 90U),
                                    std::pair(0U, 90U), std::pair(0U, 0U)}) {
    SCOPED_TRACE(first);
    SmallCatalogue catalogue(shape, 2);
    spread_over(catalogue, first, last);
    if (first == last) std::ranges::fill(catalogue.ids.span(), 0.0F);
    ScoreSpace space = expected.space();
    Segment segment = catalogue.segment(space);
    const ItemIndex index(std::move(space), std::move(segment));
    expect_exact(index, catalogue, testing::plain_items(catalogue), catalogue.states(4), 20);
  }
}

TEST(ItemIndex, WhatIsNotFiniteIsRefused) {
  SmallCatalogue catalogue({.items = 300});
  const auto index = catalogue.index();
  std::vector<float> state(catalogue.tables.width, 1.0F);
  const ScoreSpace space = catalogue.space();
  for (const float bad : {testing::kNan, INFINITY, 2e15F}) {
    state[3] = bad;
    testing::expect_error([&] { (void)index->search(state, 5); }, {"state", "not finite"});
  }
  const std::vector<std::int32_t> codes = {1, 2, 3};
  std::vector<float> id(8, 0.0F);
  testing::expect_error([&] { index->put(-1, codes, id); }, {"-1", "negative"});
  testing::expect_error([&] { index->put(5, std::vector{1, 2}, id); }, {"2 codes"});
  testing::expect_error([&] { index->put(5, std::vector{1, 2, 16}, id); }, {"code 16"});
  id[2] = testing::kNan;
  testing::expect_error([&] { index->put(5, codes, id); }, {"ID vector", "not finite"});
  catalogue.ids[17][2] = INFINITY;
  testing::expect_error([&] { (void)catalogue.segment(space); }, {"ID vector", "not finite"});
  catalogue.ids[17][2] = 0.0F;
  catalogue.codes[20] = 16;
  testing::expect_error([&] { (void)catalogue.segment(space); }, {"code 16"});
}

TEST(ItemIndex, EveryFilterIsExact) {
  SmallCatalogue catalogue({.items = 20000, .codebook_size = 256});
  const auto index = catalogue.index();
  const PlainItems items = testing::plain_items(catalogue);
  const Matrix states = catalogue.states(3);
  for (const std::size_t one_in : {1U, 2U, 6U, 20U, 50U, 5000U, 1000000U}) {
    ItemSet allowed;
    for (std::int32_t i = 0; i < 20000; ++i) {
      if (catalogue.below(one_in) == 0) allowed.insert(i);
    }
    std::vector<std::int32_t> excluded;
    for (int i = 0; i < 500; ++i) {
      excluded.push_back(static_cast<std::int32_t>(catalogue.below(30000)));
    }
    const auto passes = [&](std::int32_t item) {
      return allowed.contains(item) && std::ranges::find(excluded, item) == excluded.end() &&
             item % 3 != 0;
    };
    const SearchFilter filter{.allowed = &allowed, .excluded = excluded, .accepts = [](auto item) {
                                return item % 3 != 0;
                              }};
    for (const std::size_t k : {1U, 100U}) {
      expect_exact(*index, catalogue, items, states, k, filter, passes);
    }
  }
}

TEST(ItemIndex, ABatchEqualsItsSearches) {
  SmallCatalogue catalogue({.items = 5000});
  const auto index = catalogue.index();
  const Matrix states = catalogue.states(60);
  std::vector<SearchFilter> filters(60);
  const std::vector<std::int32_t> some = {1, 2, 3};
  for (std::size_t i = 0; i < 60; i += 2) filters[i].excluded = some;
  // Most share a set; of one in two, in ten and in a hundred items, each searched in its own way.
  index->remove(4);
  ItemSet allowed[3];
  for (std::int32_t item = 0; item < 5000; ++item) {
    if (item % 2 == 0) allowed[0].insert(item);
    if (item % 10 == 0) allowed[1].insert(item);
    if (item % 100 == 0) allowed[2].insert(item);
  }
  for (std::size_t i = 0; i < 60; ++i) {
    if (i % 5 != 0) filters[i].allowed = &allowed[i < 40 ? 1 : i % 3];
  }
  const auto lists = index->search_batch(states, 20, filters);
  ASSERT_EQ(lists.size(), 60U);
  for (std::size_t i = 0; i < 60; ++i) {
    const auto alone = index->search(states.view().row(i), 20, filters[i]);
    ASSERT_EQ(lists[i].size(), alone.size());
    for (std::size_t j = 0; j < alone.size(); ++j) {
      EXPECT_EQ(lists[i][j].item, alone[j].item);
      EXPECT_EQ(lists[i][j].score, alone[j].score);
    }
  }
  Matrix bad = catalogue.states(9);
  bad[4][0] = testing::kNan;
  testing::expect_error([&] { (void)index->search_batch(bad, 5, {}); }, {"not finite"});
}

TEST(ItemIndex, KOfZeroFindsNothing) {
  SmallCatalogue catalogue({.items = 300});
  const Matrix states = catalogue.states(1);
  EXPECT_TRUE(catalogue.index()->search(states.view().row(0), 0).empty());
}

TEST(ItemIndex, MemoryOfAnItemStaysBelow80Bytes) {
  // Of the default recipe's tokens, and of the paper's; along all axes alike, which asks for the
  // most fields: 24 bytes.
  SmallCatalogue many({.items = 1 << 15, .places = 35, .id_dims = 4, .width = 132});
  SmallCatalogue few({.items = 1 << 15, .places = 3, .id_dims = 8, .width = 72});
  const auto bytes_an_item = [](const SmallCatalogue& catalogue) {
    return static_cast<double>(catalogue.segment(catalogue.space()).bytes()) /
           static_cast<double>(catalogue.items());
  };
  EXPECT_LE(bytes_an_item(many), 80.0);
  EXPECT_LE(bytes_an_item(few), 62.0);
}

}  // namespace
}  // namespace tessera
