#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/matrix.h"

namespace tessera::testing {

/// A loss with the given gradient at the output: Σ weights · output, summed in double.
inline double weighted_sum(MatrixView<const float> weights, MatrixView<const float> output) {
  double sum = 0.0;
  for (std::size_t i = 0; i < output.rows; ++i) {
    for (std::size_t j = 0; j < output.cols; ++j) sum += double{weights[i][j]} * output[i][j];
  }
  return sum;
}

/// d loss / d value by the central difference over four points, whose error is of order step⁴: the
/// step can be long, which keeps the float rounding of the loss small beside the difference.
template <class Loss>
double finite_difference(float& value, const Loss& loss, float step) {
  const float at = value;
  const auto loss_at = [&](float shift) {
    value = at + shift;
    return loss();
  };
  const double near = loss_at(step) - loss_at(-step);
  const double far = loss_at(2 * step) - loss_at(-2 * step);
  value = at;
  return (8.0 * near - far) / (12.0 * static_cast<double>(step));
}

/// Expects `gradient` to be that of loss() by every one of `values`, within `tolerance` of the
/// largest of them.
template <class Loss>
void expect_gradient(MatrixView<float> values, MatrixView<const float> gradient, const Loss& loss,
                     double tolerance, float step = 0.02F) {
  ASSERT_GT(values.size(), 0U);
  ASSERT_EQ(values.rows, gradient.rows);
  ASSERT_EQ(values.cols, gradient.cols);
  double largest = 0.0;
  for (std::size_t i = 0; i < gradient.rows; ++i) {
    for (const float g : gradient.row(i)) largest = std::max(largest, std::abs(double{g}));
  }
  ASSERT_GT(largest, 1e-3) << "the loss does not depend on the values: nothing would be checked";
  for (std::size_t i = 0; i < values.rows; ++i) {
    for (std::size_t j = 0; j < values.cols; ++j) {
      ASSERT_NEAR(gradient[i][j], finite_difference(values[i][j], loss, step), tolerance * largest)
          << "at [" << i << "][" << j << "]";
    }
  }
}

}  // namespace tessera::testing
