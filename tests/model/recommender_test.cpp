#include "model/recommender.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "testing/gradient_check.h"
#include "testing/matrices.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

// The whole way from ID tokens through the transformer to the loss is differentiable: every
// gradient must be the loss's slope. (Straight-through codes are tested beside the item encoder.)
void expect_gradients_are_slopes(const std::string& objective,
                                 std::span<const float> target_weights = {}) {
  constexpr std::size_t kItems = 17;
  Settings settings = testing::small_settings();
  settings.tokens = Tokens::id;
  apply_setting(settings, std::string("objective=") + objective);
  Recommender model = testing::small_model(settings, kItems, 0);
  const std::vector<std::int32_t> offsets = {0, 1, 1, 4, 7};  // one sequence is empty
  const std::vector<std::int32_t> items = {3, 16, 0, 5, 9, 11, 2};
  const std::vector<std::int32_t> inputs = {0, 1, 2, 1, 0, 3, 3};
  const std::vector<std::int32_t> positives = {1, 2, 1, 4, 3, 3, 5};
  const std::vector<std::int32_t> negatives = {6, 6, 5, 0, 4, 6, 1};
  const std::vector<float> weights = {0.25F, 0.25F, 0.25F, 0.25F};
  StepBatch batch{offsets, inputs, positives, negatives, {items, weights}, inputs.size()};
  batch.weights = target_weights;
  const DropoutStep dropout{0.3F, 11};
  StepArena arena;
  const auto loss = [&] {
    arena.reset();
    return compute_gradients(model, {}, batch, dropout, arena).losses.total;
  };
  std::size_t checked = 0;
  for (Parameter* parameter : model.parameters()) {
    loss();  // the gradients of a slope's last loss belong to a shifted model
    const Matrix gradient = parameter->grad.clone();
    // Queries and keys move the loss by less than float can show here: see the transformer's tests.
    const auto size = [](float a, float b) { return std::abs(a) < std::abs(b); };
    if (std::abs(std::ranges::max(gradient.span(), size)) < 2e-3F) continue;
    SCOPED_TRACE(parameter->name);
    testing::expect_gradient(parameter->value, gradient, loss, 2e-3, 0.01F);
    ++checked;
  }
  EXPECT_GE(checked, 20U);
}

TEST(Recommender, GradientsOfTheBinaryObjectiveMatchFiniteDifferences) {
  expect_gradients_are_slopes("binary");
}

TEST(Recommender, GradientsOfTheSoftmaxObjectiveMatchFiniteDifferences) {
  expect_gradients_are_slopes("softmax");
}

TEST(Recommender, GradientsOfWeightedLossesMatchFiniteDifferences) {
  const std::vector<float> weights = {3.0F, 0.5F, 0.5F, 1.0F, 0.5F, 0.0F, 1.5F};
  expect_gradients_are_slopes("binary", weights);
  expect_gradients_are_slopes("softmax", weights);
}

// What weighs twice counts as if it stood there twice.
TEST(Recommender, AWeightIsANumberOfEvents) {
  for (const Objective objective : {Objective::binary, Objective::softmax}) {
    Settings settings = testing::small_settings();
    settings.tokens = Tokens::id;
    settings.objective = objective;
    Recommender model = testing::small_model(settings, 17, 0);
    const std::vector<std::int32_t> items = {3, 16, 0};
    const std::vector<float> item_weights = {0.5F, 0.5F};
    StepArena arena;
    const auto loss = [&](std::span<const std::int32_t> offsets,
                          std::span<const std::int32_t> inputs,
                          std::span<const std::int32_t> positives, std::span<const float> weights) {
      StepBatch batch{offsets, inputs, positives, positives, {items, item_weights}, 3};
      // Of the softmax all positions share them.
      const bool shared = objective == Objective::softmax;
      const std::vector<std::int32_t> negatives(shared ? 1 : positives.size(), 2);
      batch.negatives = negatives;
      batch.weights = weights;
      arena.reset();
      return compute_gradients(model, {}, batch, {}, arena).losses.recommendation;
    };
    const std::vector<std::int32_t> three = {0, 1, 2, 3}, two = {0, 1, 2};
    const double repeated = loss(three, std::vector{0, 1, 1}, std::vector{1, 0, 0}, {});
    const double weighed = loss(two, std::vector{0, 1}, std::vector{1, 0}, std::vector{1.0F, 2.0F});
    EXPECT_NEAR(weighed, repeated, 1e-6);
    EXPECT_GT(repeated, 0.1);
  }
}

}  // namespace
}  // namespace tessera
