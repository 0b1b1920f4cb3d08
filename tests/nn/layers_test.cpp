// Gradients of the layers by finite differences, and a plain version where it adds something.
#include "nn/layers.h"

#include <gtest/gtest.h>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_gradient;
using testing::kOddSizes;
using testing::random_matrix;

void fill_parameters(const ParameterList& parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    testing::fill_random(parameters[i]->value, 100 + i);
    testing::fill_random(parameters[i]->grad, 200 + i);  // backward sets it whatever it held
  }
}

TEST(Linear, IsTheProductWithTheTransposedWeightPlusTheBias) {
  for (const std::size_t in : kOddSizes) {
    for (const std::size_t out : kOddSizes) {
      Linear linear("linear", in, out);
      fill_parameters({&linear.weight, &linear.bias});
      const Matrix x = random_matrix(7, in, 1);
      Matrix y(7, out);
      linear.forward(x, y);
      expect_elements(y, 1e-5, [&](std::size_t i, std::size_t o) {
        double sum = linear.bias.value[0][o];
        for (std::size_t c = 0; c < in; ++c) sum += double{x[i][c]} * linear.weight.value[o][c];
        return sum;
      });
    }
  }
}

TEST(Linear, GradientMatchesFiniteDifferences) {
  for (const std::size_t rows : kOddSizes) {
    Linear linear("linear", 7, 17);
    fill_parameters({&linear.weight, &linear.bias});
    Matrix x = random_matrix(rows, 7, 1), y(rows, 17), dx(rows, 7);
    const Matrix dy = random_matrix(rows, 17, 2);
    linear.backward(x, dy, dx);
    const auto loss = [&] {
      linear.forward(x, y);
      return testing::weighted_sum(dy, y);
    };
    expect_gradient(linear.weight.value, linear.weight.grad, loss, 1e-4, 0.5F);
    expect_gradient(linear.bias.value, linear.bias.grad, loss, 1e-4, 0.5F);
    expect_gradient(x, dx, loss, 1e-4, 0.5F);
  }
}

TEST(Linear, BackwardAddsToTheInputGradientOnRequestAndSkipsAnEmptyOne) {
  Linear linear("linear", 7, 17);
  fill_parameters({&linear.weight, &linear.bias});
  const Matrix x = random_matrix(33, 7, 1), dy = random_matrix(33, 17, 2);
  Matrix dx(33, 7), added = random_matrix(33, 7, 3);
  const Matrix before = added.clone();
  linear.backward(x, dy, dx);
  const Matrix gradient = linear.weight.grad.clone();
  linear.backward(x, dy, added, true);
  expect_elements(added, 1e-5,
                  [&](std::size_t i, std::size_t c) { return double{before[i][c]} + dx[i][c]; });
  linear.backward(x, dy, {});
  EXPECT_TRUE(testing::same_bits(linear.weight.grad.span(), gradient.span()));
}

TEST(Linear, NoRowsMeansZeroGradients) {
  Linear linear("linear", 7, 17);
  fill_parameters({&linear.weight, &linear.bias});
  Matrix dx(0, 7);
  linear.backward(Matrix(0, 7), Matrix(0, 17), dx);
  for (const Parameter* p : {&linear.weight, &linear.bias}) {
    expect_elements(p->grad, 0.0, [](std::size_t, std::size_t) { return 0.0; });
  }
}

TEST(Linear, StartsSmallWithoutBias) {
  Linear linear("linear", 33, 100);
  Random random(1);
  linear.initialise(random);
  double squares = 0.0;
  for (const float w : linear.weight.value.span()) squares += double{w} * w;
  EXPECT_NEAR(std::sqrt(squares / 3300.0), 0.02, 0.02 * 0.1);
  expect_elements(linear.bias.value, 0.0, [](std::size_t, std::size_t) { return 0.0; });
}

TEST(LayerNormModule, GradientMatchesFiniteDifferences) {
  for (const std::size_t width : {std::size_t{5}, std::size_t{17}, std::size_t{33}}) {
    LayerNorm norm("norm", width);
    fill_parameters({&norm.gamma, &norm.beta});
    Matrix x = random_matrix(7, width, 1), y(7, width), dx(7, width);
    const Matrix dy = random_matrix(7, width, 2);
    StepArena arena;
    const LayerNorm::Cache cache = norm.forward(x, y, arena);
    norm.backward(cache, dy, dx);
    StepArena scratch;
    const auto loss = [&] {
      scratch.reset();
      norm.forward(x, y, scratch);
      return testing::weighted_sum(dy, y);
    };
    expect_gradient(x, dx, loss, 1e-3, 0.02F);
    expect_gradient(norm.gamma.value, norm.gamma.grad, loss, 1e-4, 0.5F);
    expect_gradient(norm.beta.value, norm.beta.grad, loss, 1e-4, 0.5F);
  }
}

TEST(LayerNormModule, StartsAsTheNormalisedRow) {
  LayerNorm norm("norm", 17);
  const Matrix x = random_matrix(7, 17, 1, 5.0);
  Matrix y(7, 17);
  StepArena arena;
  norm.forward(x, y, arena);
  for (std::size_t i = 0; i < 7; ++i) {
    double mean = 0.0, square = 0.0;
    for (const float v : y.view().row(i)) {
      mean += v / 17.0;
      square += double{v} * v / 17.0;
    }
    EXPECT_NEAR(mean, 0.0, 1e-6);
    EXPECT_NEAR(square, 1.0, 1e-5);
  }
}

}  // namespace
}  // namespace tessera
