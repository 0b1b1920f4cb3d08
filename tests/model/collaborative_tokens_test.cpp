#include "model/collaborative_tokens.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "testing/datasets.h"
#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

constexpr std::size_t kParts = 2;
constexpr std::size_t kCodes = 4;
constexpr std::size_t kDims = 4;
constexpr std::size_t kTasteItems = 12;

// The factors of items 0–4 lie in one place and those of 5–9 in another; nobody chose 10 and 11.
// Texts say which place an item is of; 10 reads like the first five and 11 like the others.
class TwoTastes : public ::testing::Test {
 protected:
  TwoTastes()
      : factors(kTasteItems, kDims),
        text(kTasteItems, 3),
        tokens(kParts, kCodes, kDims, kTasteItems, 3) {
    data = testing::dataset_of({{0, 1, 2, 3, 4, 11, 11}, {5, 6, 7, 8, 9, 10, 10}}, kTasteItems);
    Random random(4);
    fill_normal(factors.span(), 0.1, random);
    for (std::size_t i = 0; i < kTasteItems; ++i) {
      const bool first = i < 5 || i == 10;
      text[i][first ? 0 : 1] = 1.0F;
      for (float& factor : factors.view().row(i)) factor += first ? 1.0F : -1.0F;
    }
    // What a table holds of items without events means nothing.
    for (const std::size_t item : {10U, 11U}) std::ranges::fill(factors.view().row(item), 50.0F);
    tokens.fit(data, factors.clone(), text, 0.0, 1);
  }
  std::vector<std::int32_t> codes(std::size_t item) const {
    const auto begin = tokens.codes.begin() + static_cast<std::ptrdiff_t>(item * kParts);
    return {begin, begin + kParts};
  }

  Dataset data;
  Matrix factors, text;
  CollaborativeTokens tokens;
};

TEST_F(TwoTastes, FactorsFarApartGetOtherCodes) {
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 5; b < 10; ++b) EXPECT_NE(codes(a), codes(b)) << a << " " << b;
  }
}

TEST_F(TwoTastes, AnItemWithoutEventsTakesTheCodesItsTextPredicts) {
  StepArena arena;
  for (const std::size_t item : {10U, 11U}) {
    std::vector<std::int32_t> predicted(kParts);
    tokens.predict(text.view().row_block(item, 1), predicted.data(), kParts, arena);
    EXPECT_EQ(codes(item), predicted);
  }
  EXPECT_NE(codes(10), codes(11));
}

TEST_F(TwoTastes, ACodeIsThatOfTheNearestCentre) {
  for (std::size_t item = 0; item < 10; ++item) {
    for (std::size_t p = 0; p < kParts; ++p) {
      const auto distance = [&](std::size_t code) {
        double sum = 0.0;
        for (std::size_t d = 0; d < 2; ++d) {
          const double gap = factors[item][p * 2 + d] - tokens.centres[p * kCodes + code][d];
          sum += gap * gap;
        }
        return sum;
      };
      const double own = distance(static_cast<std::size_t>(codes(item)[p]));
      for (std::size_t code = 0; code < kCodes; ++code) EXPECT_LE(own, distance(code) + 1e-6);
    }
  }
}

TEST_F(TwoTastes, TheVectorsStartAtTheCentres) {
  EXPECT_TRUE(testing::same_bits(tokens.vectors.value.span(), tokens.centres.span()));
  std::vector<float> vector(kDims);
  tokens.decode(codes(3).data(), vector.data());
  for (const float x : vector) EXPECT_NEAR(x, 1.0F, 0.4F);
}

TEST_F(TwoTastes, FewEventsWeighLessThanTheText) {
  // Item 4's one event put it among the others, but it reads like the first.
  std::ranges::fill(factors.view().row(4), -1.0F);
  tokens.fit(data, factors.clone(), text, 0.0, 1);
  const auto distance = [&] {
    std::vector<float> vector(kDims);
    tokens.decode(codes(4).data(), vector.data());
    return std::abs(vector[0] - 1.0F);
  };
  EXPECT_GT(distance(), 1.5F);
  tokens.fit(data, factors.clone(), text, 20.0, 1);
  EXPECT_LT(distance(), 1.0F);
}

TEST_F(TwoTastes, AnEventSaysMoreWhereItemsHaveManyOfThem) {
  std::ranges::fill(factors.view().row(4), -1.0F);  // against its text
  const auto first_factor = [&] {
    tokens.fit(data, factors.clone(), text, 0.5, 1);
    std::vector<float> vector(kDims);
    tokens.decode(codes(4).data(), vector.data());
    return vector[0];
  };
  EXPECT_GT(first_factor(), 0.0F);
  std::vector<std::int32_t> busy;
  for (int round = 0; round < 40; ++round) {
    for (const std::int32_t item : {0, 1, 2, 3, 5, 6, 7, 8, 9}) busy.push_back(item);
  }
  data = testing::dataset_of({{0, 1, 2, 3, 4, 11, 11}, {5, 6, 7, 8, 9, 10, 10}, busy}, kTasteItems);
  EXPECT_LT(first_factor(), 0.0F);
}

// With a code for every item the codes hold the factors as they were mixed.
class LengthOfFactors : public TwoTastes {
 protected:
  LengthOfFactors() {
    tokens = CollaborativeTokens(kParts, 64, kDims, kTasteItems, 3);
    for (std::size_t i = 0; i < 10; ++i) {
      const auto scale = static_cast<float>(i + 1);
      for (float& factor : factors.view().row(i)) factor *= scale;
    }
  }
  std::vector<float> decoded(std::size_t item) const {
    std::vector<float> vector(kDims);
    tokens.decode(codes(item).data(), vector.data());
    return vector;
  }
  static double length(std::span<const float> row) {
    return std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
  }
};

TEST_F(LengthOfFactors, IsKeptHoweverMuchTheTextTurnsThem) {
  std::ranges::fill(factors.view().row(4), -5.0F);  // against its text
  for (const double text_events : {0.0, 0.01, 1000.0}) {
    tokens.fit(data, factors.clone(), text, text_events, 1);
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_NEAR(length(decoded(i)) / length(factors.view().row(i)), 1.0, 0.02) << i;
    }
    EXPECT_EQ(decoded(4)[0] > 0.0F, text_events == 1000.0);
  }
}

TEST_F(TwoTastes, TheSameSeedFindsTheSameCodes) {
  CollaborativeTokens again(kParts, kCodes, kDims, kTasteItems, 3);
  again.fit(data, factors.clone(), text, 0.0, 1);
  EXPECT_EQ(again.codes, tokens.codes);
}

TEST(CollaborativeTokens, GradientsAreTheLossesSlopes) {
  CollaborativeTokens tokens(kParts, kCodes, kDims, kTasteItems, 0);
  Random random(3);
  for (std::int32_t& code : tokens.codes) code = static_cast<std::int32_t>(random.below(kCodes));
  fill_normal(tokens.vectors.value.span(), 1.0, random);
  const std::vector<std::int32_t> items = {3, 0, 7, 11, 5, 1};
  const Matrix weights = testing::random_matrix(items.size(), kDims, 5);
  const auto loss = [&] {
    Matrix out(items.size(), kDims);
    tokens.gather(items, out);
    return testing::weighted_sum(weights, out);
  };
  fill_normal(tokens.vectors.grad.span(), 1.0, random);  // is set, not added to
  tokens.backward(items, weights);
  testing::expect_gradient(tokens.vectors.value, tokens.vectors.grad, loss, 1e-4);
}

}  // namespace
}  // namespace tessera
