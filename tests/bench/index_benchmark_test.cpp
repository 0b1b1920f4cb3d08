#include "bench/index_benchmark.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bench/faiss_peer.h"
#include "bench/grown_catalogue.h"
#include "index/index_file.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

class GrownCatalogueTest : public ::testing::Test {
 protected:
  GrownCatalogueTest() {
    model = testing::small_model(testing::small_settings(), 50, 6);
    Random random(2);
    Matrix text(50, 6);
    fill_normal(text.span(), 1.0, random);
    catalogue = encode_catalogue(model, text);
    axes = score_axes(model, catalogue);
  }
  const float* vector_of(std::size_t item) const {
    return catalogue.vectors[static_cast<std::size_t>(catalogue.rows[item])];
  }
  double distance(std::size_t a, std::size_t b) const {
    double squares = 0.0;
    for (std::size_t d = 0; d < axes.width(); ++d) {
      double along = 0.0;
      for (std::size_t w = 0; w < axes.width(); ++w) {
        along += double{axes.to_axes[d][w]} * (double{vector_of(a)[w]} - double{vector_of(b)[w]});
      }
      squares += along * along;
    }
    return squares;
  }
  Recommender model;
  Catalogue catalogue;
  ScoreAxes axes;
};

TEST_F(GrownCatalogueTest, BeginsWithTheRealItemsAndMixesTokensOfNeighbours) {
  constexpr std::size_t kNeighbours = 3;
  const GrownCatalogue grown = grow_catalogue(model, catalogue, axes, 3000, kNeighbours, 1);
  ASSERT_EQ(grown.codes.size(), 3000U * 3U);
  for (std::size_t i = 0; i < 50 * 3; ++i) EXPECT_EQ(grown.codes[i], catalogue.codes[i]);
  for (std::size_t i = 0; i < 50; ++i) {
    for (std::size_t d = 0; d < 3; ++d) EXPECT_EQ(grown.ids[i][d], vector_of(i)[6 + d]);
  }
  // Each item and those nearest to it, by plain distances along the axes.
  std::vector<std::vector<std::size_t>> circles;
  for (std::size_t i = 0; i < 50; ++i) {
    std::vector<std::pair<double, std::size_t>> others;
    for (std::size_t j = 0; j < 50; ++j) others.emplace_back(distance(i, j), j);
    std::ranges::sort(others);
    circles.emplace_back();
    for (std::size_t n = 0; n <= kNeighbours; ++n) circles.back().push_back(others[n].second);
  }
  std::size_t mixed = 0;
  for (std::size_t i = 50; i < 3000; ++i) {
    const auto code_is_of = [&](std::size_t level, const std::vector<std::size_t>& circle) {
      return std::ranges::any_of(circle, [&](std::size_t real) {
        return grown.codes[3 * i + level] == catalogue.codes[3 * real + level];
      });
    };
    EXPECT_TRUE(std::ranges::any_of(circles, [&](const std::vector<std::size_t>& circle) {
      return code_is_of(0, circle) && code_is_of(1, circle) && code_is_of(2, circle);
    }));
    mixed += std::ranges::none_of(circles, [&](const std::vector<std::size_t>& circle) {
      const std::vector<std::size_t> own = {circle.front()};
      return code_is_of(0, own) && code_is_of(1, own) && code_is_of(2, own);
    });
  }
  EXPECT_GT(mixed, 0U);
}

TEST_F(GrownCatalogueTest, IsTheSameForASeedAndCutShortForFewerItems) {
  const GrownCatalogue large = grow_catalogue(model, catalogue, axes, 500, 3, 1);
  const GrownCatalogue small = grow_catalogue(model, catalogue, axes, 20, 3, 1);
  for (std::size_t i = 0; i < 20 * 3; ++i) EXPECT_EQ(small.codes[i], large.codes[i]);
  EXPECT_NE(grow_catalogue(model, catalogue, axes, 500, 3, 2).codes, large.codes);
}

TEST(ScoreDistribution, IsThatOfTheScores) {
  // Scores 0 … 9,999 of a state that looks along one axis.
  Matrix vectors(10000, 2);
  for (std::size_t i = 0; i < 10000; ++i) vectors[i][0] = static_cast<float>(i);
  Matrix states(1, 2);
  states[0][0] = 1.0F;
  const ScoreDistribution found = score_distribution(vectors, states);
  EXPECT_NEAR(found.spread, 10000.0 / std::sqrt(12.0), 1.0);
  EXPECT_NEAR(found.gap, (9989.0 - 4999.5) / found.spread, 1e-3);
  EXPECT_NEAR(found.near, 0.1009, 1e-3);
}

TEST(Quantile, IsTheNearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_EQ(quantile(values, 0.5), 50.0);
  EXPECT_EQ(quantile(values, 0.99), 99.0);
  EXPECT_EQ(quantile(values, 1.0), 100.0);
  EXPECT_EQ(quantile({7.0}, 0.01), 7.0);
}

TEST_F(GrownCatalogueTest, FaissFindsWhatTheIndexFinds) {
  if (!FaissPeer::available()) GTEST_SKIP() << "this build has no faiss";
  Random random(5);
  Matrix states(30, model.settings.width());
  fill_normal(states.span(), 1.0, random);
  const auto lists = build_index(model, catalogue)->search_batch(states, 5, {});
  for (const auto kind :
       {FaissPeer::Kind::flat, FaissPeer::Kind::hnsw, FaissPeer::Kind::fast_scan}) {
    FaissPeer peer(kind, catalogue.vectors);
    peer.set_effort(10, 5);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const auto found = peer.search(states.view().row(i), 5);
      for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(found[j], lists[i][j].item);
    }
  }
}

}  // namespace
}  // namespace tessera
