#include "model/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/half.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::kTextDims;
using testing::random_matrix;
using testing::same_bits;
using testing::small_model;
using testing::small_settings;
using Items = std::vector<std::int32_t>;

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

Matrix states_of(const Recommender& model, const Catalogue& catalogue,
                 const std::vector<Items>& histories) {
  const std::vector<History> views(histories.begin(), histories.end());
  Matrix states(histories.size(), model.settings.width());
  std::ranges::fill(states.span(), testing::kNan);
  user_states(model, catalogue, views, states);
  return states;
}

// An item vector whose ID token, its last numbers, is in half precision.
std::vector<float> as_kept(const Recommender& model, std::span<const float> vector) {
  std::vector<float> kept(vector.begin(), vector.end());
  const std::span<float> id = std::span(kept).last(model.settings.id_width());
  std::ranges::transform(id, id.begin(), half_precision);
  return kept;
}

TEST(EncodeCatalogue, GivesEveryItemTheCodesOfItsText) {
  constexpr std::size_t kItems = 2'060;  // more than one block
  const Recommender model = small_model(small_settings(), kItems, kTextDims);
  const Matrix text = random_matrix(kItems, kTextDims, 1);
  const Catalogue catalogue = encode_catalogue(model, text);
  ASSERT_EQ(catalogue.items(), kItems);
  ASSERT_EQ(catalogue.codes.size(), kItems * 3);
  const Items some = {0, 5, 2'047, 2'048, 2'059};
  StepArena arena;
  const auto expected = model.item_encoder.forward(text, {some, {}}, arena);
  for (std::size_t i = 0; i < some.size(); ++i) {
    const auto item = static_cast<std::size_t>(some[i]);
    for (std::size_t l = 0; l < 3; ++l) {
      EXPECT_EQ(catalogue.codes[item * 3 + l], expected.quantized.codes[i * 3 + l]) << item;
    }
    EXPECT_TRUE(
        same_bits(catalogue.vectors.view().row(static_cast<std::size_t>(catalogue.rows[item])),
                  as_kept(model, expected.vectors.row(i))));
  }
}

TEST(EncodeCatalogue, NeedsNoTextForIdTokensAlone) {
  const Recommender model = small_model(small_settings("id"), 6, 0);
  const Catalogue catalogue = encode_catalogue(model, {});
  EXPECT_EQ(catalogue.places, 0U);
  EXPECT_TRUE(catalogue.codes.empty());
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(same_bits(catalogue.vectors.view().row(i),
                          as_kept(model, model.item_encoder.ids.value.view().row(i))));
  }
}

TEST(EncodeItems, GivesEachItemWhatTheCatalogueGivesItHoweverManyTheyAre) {
  constexpr std::size_t kItems = 9;
  const Recommender model = small_model(small_settings(), kItems, kTextDims);
  const Matrix text = random_matrix(kItems, kTextDims, 1);
  const Catalogue catalogue = encode_catalogue(model, text);
  StepArena arena;
  EXPECT_EQ(encode_items(model, text, arena), catalogue.codes);
  for (std::size_t i = 0; i < kItems; ++i) {
    const std::vector<std::int32_t> codes = encode_items(model, text.view().row_block(i, 1), arena);
    EXPECT_TRUE(std::ranges::equal(codes, std::span(catalogue.codes).subspan(i * 3, 3))) << i;
    const std::vector<float> vector =
        item_vector(model, codes, model.item_encoder.ids.value.view().row(i));
    EXPECT_TRUE(
        same_bits(as_kept(model, vector),
                  catalogue.vectors.view().row(static_cast<std::size_t>(catalogue.rows[i]))));
  }
  EXPECT_TRUE(encode_items(model, text.view().row_block(0, 0), arena).empty());
}

TEST(EncodeItems, RefusesWhatTheModelCannotRead) {
  StepArena arena;
  testing::expect_error(
      [&] { encode_items(small_model(small_settings("id"), 6, 0), Matrix(1, 5), arena); },
      {"no semantic tokens"});
  testing::expect_error(
      [&] { encode_items(small_model(small_settings(), 6, kTextDims), Matrix(1, 4), arena); },
      {"4 dims", "5"});
}

TEST(CatalogueOfCodes, MakesOneVectorOfEachTupleWithoutIdTokens) {
  const Recommender model = small_model(small_settings("semantic"), 6, kTextDims);
  const std::vector<std::int32_t> codes = {0, 1, 2, 4, 4, 4, 0, 1, 2, 0, 2, 1, 4, 4, 4, 0, 1, 2};
  const Catalogue catalogue = catalogue_of_codes(model, codes);
  EXPECT_EQ(catalogue.vectors.rows(), 3U);
  EXPECT_EQ(catalogue.rows[0], catalogue.rows[2]);
  EXPECT_EQ(catalogue.rows[0], catalogue.rows[5]);
  EXPECT_EQ(catalogue.rows[1], catalogue.rows[4]);
  EXPECT_NE(catalogue.rows[0], catalogue.rows[1]);
  EXPECT_NE(catalogue.rows[0], catalogue.rows[3]);
  const auto& levels = model.item_encoder.quantizer.levels;
  for (std::size_t item = 0; item < 6; ++item) {
    for (std::size_t c = 0; c < 6; ++c) {
      double sum = 0.0;
      for (std::size_t l = 0; l < 3; ++l) {
        sum += levels[l].codebook[static_cast<std::size_t>(codes[item * 3 + l])][c];
      }
      EXPECT_NEAR(catalogue.vectors[static_cast<std::size_t>(catalogue.rows[item])][c], sum, 1e-6);
    }
  }
}

TEST(CatalogueOfCodes, KeepsItemsApartByTheirIdTokens) {
  const Recommender model = small_model(small_settings(), 4, kTextDims);
  const Catalogue catalogue = catalogue_of_codes(model, std::vector<std::int32_t>(12, 1));
  ASSERT_EQ(catalogue.vectors.rows(), 4U);
  for (std::size_t item = 0; item < 4; ++item) {
    EXPECT_EQ(catalogue.rows[item], static_cast<std::int32_t>(item));
    EXPECT_TRUE(same_bits(catalogue.vectors.view().row(item).subspan(6),
                          model.item_encoder.ids.value.view().row(item)));
  }
}

TEST(Scores, AreBitwiseEqualForEqualTokens) {
  constexpr std::size_t kItems = 150;
  const Recommender model = small_model(small_settings("semantic"), kItems, kTextDims);
  Random random(4);
  std::vector<std::int32_t> codes(kItems * 3);
  for (std::int32_t& code : codes) code = static_cast<std::int32_t>(random.below(3));
  const Catalogue catalogue = catalogue_of_codes(model, codes);
  const Matrix states = random_matrix(7, 6, 5);
  Items all(kItems);
  std::iota(all.begin(), all.end(), 0);
  Items candidates;
  for (std::size_t i = 0; i < 7; ++i) candidates.insert(candidates.end(), all.begin(), all.end());
  Matrix by_catalogue(7, kItems);
  Matrix by_candidates(7, kItems);
  score_catalogue(catalogue, states, by_catalogue);
  score_candidates(catalogue, states, {candidates.data(), 7, kItems}, by_candidates);
  std::size_t pairs = 0;
  for (std::size_t a = 0; a < kItems; ++a) {
    for (std::size_t b = a + 1; b < kItems; ++b) {
      if (!std::equal(&codes[a * 3], &codes[a * 3] + 3, &codes[b * 3])) continue;
      ++pairs;
      for (std::size_t i = 0; i < 7; ++i) {
        ASSERT_EQ(by_catalogue[i][a], by_catalogue[i][b]);
        ASSERT_EQ(by_candidates[i][a], by_candidates[i][b]);
      }
    }
  }
  EXPECT_GT(pairs, 100U);
}

TEST(Scores, AreInnerProductsByCatalogueAndByCandidates) {
  for (const char* tokens : {"unified", "semantic", "id"}) {
    const Recommender model = small_model(small_settings(tokens), 33, kTextDims);
    const Catalogue catalogue = encode_catalogue(model, random_matrix(33, kTextDims, 1));
    const Matrix states = random_matrix(5, model.settings.width(), 2);
    const auto expected = [&](std::size_t i, std::size_t item) {
      const auto row = static_cast<std::size_t>(catalogue.rows[item]);
      return dot(states.view().row(i), catalogue.vectors.view().row(row));
    };
    Matrix scores(5, 33);
    score_catalogue(catalogue, states, scores);
    expect_elements(scores, 1e-4, expected);
    const Items candidates = {32, 0, 4, 4, 1, 2, 9, 9, 9, 8, 7, 6, 5, 30, 20};
    Matrix of_candidates(5, 3);
    score_candidates(catalogue, states, {candidates.data(), 5, 3}, of_candidates);
    expect_elements(of_candidates, 1e-4, [&](std::size_t i, std::size_t j) {
      return expected(i, static_cast<std::size_t>(candidates[i * 3 + j]));
    });
  }
}

class UserStates : public ::testing::Test {
 protected:
  const Recommender model = small_model(small_settings(), 12, kTextDims);  // looks back 4 items
  const Catalogue catalogue = encode_catalogue(model, random_matrix(12, kTextDims, 1));
};

TEST_F(UserStates, AreTheTransformersLastOutputs) {
  const Matrix states = states_of(model, catalogue, {{3, 1, 4}, {5}});
  Matrix x(4, model.settings.width());
  const Items items = {3, 1, 4, 5};
  for (std::size_t i = 0; i < 4; ++i) {
    std::copy_n(catalogue.vectors[static_cast<std::size_t>(items[i])], x.cols(), x[i]);
  }
  StepArena arena;
  const std::vector<std::int32_t> offsets = {0, 3, 4};
  const auto sequence = model.transformer.forward(x, offsets, {}, arena);
  // Products of fewer rows may sum in another order.
  testing::expect_elements(states, 1e-6, [&](std::size_t i, std::size_t c) {
    return sequence.output[i == 0 ? 2 : 3][c];
  });
}

TEST_F(UserStates, DependOnTheLastItemsAlone) {
  const Matrix states = states_of(model, catalogue,
                                  {{8, 9, 10, 11, 0, 1, 2, 3},
                                   {7, 7, 7, 7, 0, 1, 2, 3},
                                   {0, 1, 2, 3},
                                   {1, 0, 2, 3},
                                   {9, 1, 2, 3}});
  EXPECT_TRUE(same_bits(states.view().row(0), states.view().row(1)));
  EXPECT_TRUE(same_bits(states.view().row(0), states.view().row(2)));
  EXPECT_FALSE(same_bits(states.view().row(0), states.view().row(3)));  // order counts
  EXPECT_FALSE(same_bits(states.view().row(0), states.view().row(4)));
}

TEST_F(UserStates, AreZeroForAnEmptyHistory) {
  const Matrix states = states_of(model, catalogue, {{}, {1, 2}, {}, {3}, {}});
  for (const std::size_t i : {0U, 2U, 4U}) {
    for (const float x : states.view().row(i)) EXPECT_EQ(x, 0.0F) << i;
  }
  const Matrix without = states_of(model, catalogue, {{1, 2}, {3}});
  testing::expect_elements(without, 1e-6,
                           [&](std::size_t i, std::size_t c) { return states[i == 0 ? 1 : 3][c]; });
  const Matrix alone = states_of(model, catalogue, {{}});
  for (const float x : alone.span()) EXPECT_EQ(x, 0.0F);
}

TEST_F(UserStates, AreTheSameInBlocksAndAlone) {
  Random random(6);
  std::vector<Items> histories(530);  // more than one block
  for (Items& history : histories) {
    history.resize(random.below(7));
    for (std::int32_t& item : history) item = static_cast<std::int32_t>(random.below(12));
  }
  const Matrix states = states_of(model, catalogue, histories);
  for (const std::size_t u : {0U, 1U, 511U, 512U, 529U}) {
    const Matrix alone = states_of(model, catalogue, {histories[u]});
    expect_elements(alone, 1e-5, [&](std::size_t, std::size_t c) { return states[u][c]; });
  }
}

}  // namespace
}  // namespace tessera
