// Mlp against plain loops and finite differences; bf16 against single precision.
#include "nn/mlp.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_gradient;
using testing::random_matrix;

/// An Mlp whose hidden units stay away from the ReLU's kink: small weights, biases of ±1. Every
/// other unit is active.
Mlp mlp_away_from_kinks(std::span<const std::size_t> widths) {
  Mlp mlp("mlp", widths);
  for (std::size_t l = 0; l < mlp.layers.size(); ++l) {
    Linear& layer = mlp.layers[l];
    testing::fill_random(layer.weight.value, 10 + l, 0.05);
    for (std::size_t o = 0; o < layer.out(); ++o) {
      layer.bias.value[0][o] = o % 2 == 0 ? 1.0F : -1.0F;
    }
  }
  return mlp;
}

constexpr std::array<std::size_t, 4> kWidths = {7, 17, 5, 3};

TEST(Mlp, IsLinearLayersWithReluBetweenThemOnly) {
  const Mlp mlp = mlp_away_from_kinks(kWidths);
  Matrix x = random_matrix(33, 7, 1);
  StepArena arena;
  const Mlp::Cache cache = mlp.forward(x, arena);
  ASSERT_EQ(cache.inputs.size(), 3U);
  bool some_negative = false;
  for (std::size_t l = 0; l < 3; ++l) {
    const Linear& layer = mlp.layers[l];
    const MatrixView<float> y = l < 2 ? cache.inputs[l + 1] : cache.output;
    expect_elements(y, 1e-6, [&](std::size_t i, std::size_t o) {
      double sum = layer.bias.value[0][o];
      for (std::size_t c = 0; c < layer.in(); ++c) {
        sum += double{cache.inputs[l][i][c]} * layer.weight.value[o][c];
      }
      some_negative = some_negative || sum < 0.0;
      return l < 2 ? std::max(sum, 0.0) : sum;
    });
    EXPECT_TRUE(some_negative);
    some_negative = false;
  }
}

TEST(Mlp, GradientMatchesFiniteDifferences) {
  Mlp mlp = mlp_away_from_kinks(kWidths);
  Matrix x = random_matrix(7, 7, 1), dx(7, 7);
  const Matrix dy = random_matrix(7, 3, 2);
  StepArena arena, scratch;
  Matrix dy_copy = dy.clone();  // backward may overwrite it
  mlp.backward(mlp.forward(x, arena), dy_copy, dx, arena);
  const auto loss = [&] {
    scratch.reset();
    return testing::weighted_sum(dy, mlp.forward(x, scratch).output);
  };
  ParameterList parameters;
  mlp.collect(parameters);
  ASSERT_EQ(parameters.size(), 6U);
  for (Parameter* p : parameters) {
    SCOPED_TRACE(p->name);
    expect_gradient(p->value, p->grad, loss, 1e-3, 0.05F);
  }
  expect_gradient(x, dx, loss, 1e-3, 0.05F);
}

TEST(Mlp, GradientsAreSetWithoutAnInputGradientToo) {
  Mlp mlp = mlp_away_from_kinks(kWidths);
  Matrix x = random_matrix(7, 7, 1), dx(7, 7), dy = random_matrix(7, 3, 2);
  StepArena arena;
  mlp.backward(mlp.forward(x, arena), dy, dx, arena);
  const Matrix with = mlp.layers[0].weight.grad.clone();
  dy = random_matrix(7, 3, 2);
  mlp.backward(mlp.forward(x, arena), dy, {}, arena);
  EXPECT_TRUE(testing::same_bits(mlp.layers[0].weight.grad.span(), with.span()));
}

// Of one precision's passes over the same x and dy: y, dx, then every gradient.
std::vector<Matrix> passes(Mlp& mlp, Precision precision) {
  Matrix x = random_matrix(33, 7, 1), dy = random_matrix(33, 3, 2);
  StepArena arena;
  const Mlp::Cache cache =
      precision == Precision::bf16 ? mlp.forward(rounded(x, arena), arena) : mlp.forward(x, arena);
  std::vector<Matrix> all;
  all.emplace_back(33, 3);
  for (std::size_t i = 0; i < 33; ++i) std::copy_n(cache.output[i], 3, all[0][i]);
  Matrix dx(33, 7);
  mlp.backward(cache, dy, dx, arena);
  all.push_back(std::move(dx));
  ParameterList parameters;
  mlp.collect(parameters);
  for (const Parameter* p : parameters) all.push_back(p->grad.clone());
  return all;
}

double norm(MatrixView<const float> m) {
  double sum = 0.0;
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (const float x : m.row(i)) sum += double{x} * x;
  }
  return std::sqrt(sum);
}

TEST(Mlp, Bf16ComputesTheSameButForItsRounding) {
  Mlp mlp = mlp_away_from_kinks(kWidths);
  const std::vector<Matrix> exact = passes(mlp, Precision::fp32);
  const std::vector<Matrix> rounded = passes(mlp, Precision::bf16);
  double largest = 0.0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    Matrix difference = rounded[i].clone();
    for (std::size_t j = 0; j < difference.size(); ++j) {
      difference.span()[j] -= exact[i].span()[j];
    }
    // Each of a few roundings is off by at most 2⁻⁸.
    const double relative = norm(difference) / norm(exact[i]);
    EXPECT_LT(relative, 0.02) << "matrix " << i;
    largest = std::max(largest, relative);
  }
  EXPECT_GT(largest, 1e-4) << "nothing was rounded";
}

}  // namespace
}  // namespace tessera
