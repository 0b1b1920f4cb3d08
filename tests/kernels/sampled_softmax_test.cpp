#include "kernels/sampled_softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "testing/matrices.h"

namespace tessera {
namespace {

struct Case {
  std::vector<std::int32_t> positives, negatives;
  std::vector<float> positive_logits;
  Matrix negative_logits;
};

// Logits between −spread and spread, of items among which every position meets its own positive.
Case random_case(std::size_t positions, std::size_t negatives, float spread) {
  Case c;
  c.negative_logits = testing::random_matrix(negatives, positions, 1);
  for (float& logit : c.negative_logits.span()) logit *= spread;
  const Matrix positive = testing::random_matrix(1, positions, 2);
  for (std::size_t i = 0; i < positions; ++i) {
    c.positives.push_back(static_cast<std::int32_t>(i % 5));
    c.positive_logits.push_back(spread * positive[0][i]);
  }
  for (std::size_t j = 0; j < negatives; ++j) c.negatives.push_back(static_cast<int>(j * 7 % 11));
  return c;
}

void expect_as_by_the_definition(std::size_t positions, std::size_t negatives, float spread) {
  SCOPED_TRACE(::testing::Message()
               << positions << " positions, " << negatives << " negatives, " << spread);
  Case c = random_case(positions, negatives, spread);
  const Case before = random_case(positions, negatives, spread);
  std::vector<float> losses(positions);
  std::vector<float> scales(positions);
  for (std::size_t i = 0; i < positions; ++i) scales[i] = 0.25F * static_cast<float>(i % 3);
  sampled_softmax(c.positives, c.negatives, scales, c.positive_logits, c.negative_logits, losses);
  for (std::size_t i = 0; i < positions; ++i) {
    const auto counts = [&](std::size_t j) { return c.negatives[j] != c.positives[i]; };
    double largest = before.positive_logits[i];
    for (std::size_t j = 0; j < negatives; ++j) {
      if (counts(j)) largest = std::max(largest, double{before.negative_logits[j][i]});
    }
    double sum = std::exp(before.positive_logits[i] - largest);
    for (std::size_t j = 0; j < negatives; ++j) {
      if (counts(j)) sum += std::exp(before.negative_logits[j][i] - largest);
    }
    const double probability = std::exp(before.positive_logits[i] - largest) / sum;
    const double loss = largest + std::log(sum) - before.positive_logits[i];
    EXPECT_NEAR(losses[i], loss, 1e-5 * (1 + loss));
    EXPECT_NEAR(c.positive_logits[i], scales[i] * (probability - 1), 1e-6);
    for (std::size_t j = 0; j < negatives; ++j) {
      const double share = std::exp(before.negative_logits[j][i] - largest) / sum;
      const double gradient = counts(j) ? double{scales[i]} * share : 0.0;
      EXPECT_NEAR(c.negative_logits[j][i], gradient, 1e-6) << i << " " << j;
    }
  }
}

TEST(SampledSoftmax, LossAndGradientAreThoseOfTheDefinition) {
  for (const std::size_t negatives : {0U, 1U, 7U, 17U, 33U, 600U}) {
    for (const float spread : {1.0F, 30.0F, 1000.0F}) {
      expect_as_by_the_definition(1, negatives, spread);
      expect_as_by_the_definition(40, negatives, spread);
      expect_as_by_the_definition(301, negatives, spread);
    }
  }
}

TEST(SampledSoftmax, APositionWithoutOtherItemsLosesNothing) {
  std::vector<float> positive = {3.0F};
  Matrix logits(2, 1);
  std::vector<float> losses(1);
  const std::vector<std::int32_t> positives = {4};
  const std::vector<std::int32_t> negatives = {4, 4};
  sampled_softmax(positives, negatives, std::vector{1.0F}, positive, logits, losses);
  EXPECT_EQ(losses[0], 0.0F);
  EXPECT_EQ(positive[0], 0.0F);
  EXPECT_EQ(logits[0][0], 0.0F);
  EXPECT_EQ(logits[1][0], 0.0F);
}

}  // namespace
}  // namespace tessera
