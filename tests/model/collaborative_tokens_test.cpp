#include "model/collaborative_tokens.h"

#include <gtest/gtest.h>

#include <set>

#include "testing/datasets.h"
#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

constexpr std::size_t kParts = 2;
constexpr std::size_t kCodes = 4;
constexpr std::size_t kDims = 4;
constexpr std::size_t kItems = 12;

// Items 0–4 are chosen together by some users, 5–9 by others, 10 and 11 by nobody. Texts say
// which of the two an item is; 10 reads like the first five and 11 like the others.
class TwoTastes : public ::testing::Test {
 protected:
  TwoTastes() : text(kItems, 3), tokens(kParts, kCodes, kDims, kItems, 3) {
    std::vector<std::vector<std::int32_t>> histories;
    for (int user = 0; user < 40; ++user) {
      const int first = user % 2 == 0 ? 0 : 5;
      std::vector<std::int32_t> history;
      for (int i = 0; i < 4; ++i) history.push_back(first + (user / 2 + i) % 5);
      history.insert(history.end(), {first, first});  // held out
      histories.push_back(history);
    }
    data = testing::dataset_of(histories, kItems);
    for (std::size_t i = 0; i < kItems; ++i) {
      const bool first = i < 5 || i == 10;
      text[i][first ? 0 : 1] = 1.0F;
    }
    tokens.fit(data, text, 1);
  }
  std::vector<std::int32_t> codes(std::size_t item) const {
    const auto begin = tokens.codes.begin() + static_cast<std::ptrdiff_t>(item * kParts);
    return {begin, begin + kParts};
  }

  Dataset data;
  Matrix text;
  CollaborativeTokens tokens;
};

TEST_F(TwoTastes, ItemsChosenByOtherUsersHaveOtherCodes) {
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 5; b < 10; ++b) EXPECT_NE(codes(a), codes(b)) << a << " " << b;
  }
}

TEST_F(TwoTastes, AnItemWithoutEventsTakesTheCodesItsTextPredicts) {
  for (const std::size_t item : {10U, 11U}) {
    std::vector<std::int32_t> predicted(kParts);
    tokens.predict(text.view().row(item), predicted.data());
    EXPECT_EQ(codes(item), predicted);
  }
  EXPECT_NE(codes(10), codes(11));
}

TEST_F(TwoTastes, TheCodesArePositionsOfTheNearestCentres) {
  // The factors an item had are not kept; those that its text predicts can be worked out.
  std::vector<float> factors(kDims);
  for (std::size_t d = 0; d < kDims; ++d)
    factors[d] = tokens.text_map[0][d] + tokens.text_map[3][d];
  for (std::size_t p = 0; p < kParts; ++p) {
    std::size_t nearest = 0;
    double least = 1e30;
    for (std::size_t c = 0; c < kCodes; ++c) {
      double distance = 0.0;
      for (std::size_t d = 0; d < 2; ++d) {
        const double gap = factors[p * 2 + d] - tokens.centres[p * kCodes + c][d];
        distance += gap * gap;
      }
      if (distance < least) {
        least = distance;
        nearest = c;
      }
    }
    EXPECT_EQ(codes(10)[p], static_cast<std::int32_t>(nearest));
  }
}

TEST_F(TwoTastes, TheSameSeedFindsTheSameCodes) {
  CollaborativeTokens again(kParts, kCodes, kDims, kItems, 3);
  again.fit(data, text, 1);
  EXPECT_EQ(again.codes, tokens.codes);
}

TEST(CollaborativeTokens, GradientsAreTheLossesSlopes) {
  CollaborativeTokens tokens(kParts, kCodes, kDims, kItems, 0);
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
