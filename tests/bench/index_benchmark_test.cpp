#include "bench/index_benchmark.h"

#include <gtest/gtest.h>

#include <set>

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
  }
  Recommender model;
  Catalogue catalogue;
};

TEST_F(GrownCatalogueTest, BeginsWithTheRealItemsAndGoesOnWithTheirTokens) {
  const GrownCatalogue grown = grow_catalogue(model, catalogue, 3000, 0.1, 1);
  ASSERT_EQ(grown.codes.size(), 3000U * 3U);
  for (std::size_t i = 0; i < 50 * 3; ++i) EXPECT_EQ(grown.codes[i], catalogue.codes[i]);
  for (std::size_t i = 0; i < 50; ++i) {
    for (std::size_t d = 0; d < 3; ++d) {
      EXPECT_EQ(grown.ids[i][d],
                catalogue.vectors[static_cast<std::size_t>(catalogue.rows[i])][6 + d]);
    }
  }
  std::set<std::pair<std::int32_t, std::int32_t>> real;
  for (std::size_t i = 0; i < 50; ++i)
    real.emplace(catalogue.codes[3 * i], catalogue.codes[3 * i + 1]);
  std::size_t other_last = 0;
  for (std::size_t i = 50; i < 3000; ++i) {
    EXPECT_TRUE(real.contains({grown.codes[3 * i], grown.codes[3 * i + 1]}));
    other_last += grown.codes[3 * i + 2] != grown.codes[2] ? 1 : 0;
  }
  EXPECT_GT(other_last, 0U);
}

TEST_F(GrownCatalogueTest, IsTheSameForASeedAndCutShortForFewerItems) {
  const GrownCatalogue large = grow_catalogue(model, catalogue, 500, 0.1, 1);
  const GrownCatalogue small = grow_catalogue(model, catalogue, 20, 0.1, 1);
  for (std::size_t i = 0; i < 20 * 3; ++i) EXPECT_EQ(small.codes[i], large.codes[i]);
  EXPECT_NE(grow_catalogue(model, catalogue, 500, 0.1, 2).codes, large.codes);
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
  for (const auto kind : {FaissPeer::Kind::flat, FaissPeer::Kind::hnsw}) {
    FaissPeer peer(kind, catalogue.vectors);
    if (kind == FaissPeer::Kind::hnsw) peer.set_ef(50);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const auto found = peer.search(states.view().row(i), 5);
      for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(found[j], lists[i][j].item);
    }
  }
}

}  // namespace
}  // namespace tessera
