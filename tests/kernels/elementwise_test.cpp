// Biases, activations and sums against plain double versions, on strided views.
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <numbers>
#include <vector>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_gradient;
using testing::expect_values;
using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double gelu(double x) { return x * normal_cdf(x); }

double gelu_slope(double x) {
  return normal_cdf(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
}

/// Calls body(rows, cols) for every pair of odd sizes.
template <class Body>
void for_odd_shapes(const Body& body) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) body(rows, cols);
  }
}

TEST(AddBias, AddsTheBiasToEveryRow) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix x = random_matrix(rows, cols, 1);
    const Matrix bias = random_matrix(1, cols, 2);
    Framed y(x);
    add_bias(y, bias.span());
    expect_elements(y, 1e-6,
                    [&](std::size_t i, std::size_t j) { return double{x[i][j]} + bias[0][j]; });
    EXPECT_TRUE(y.frame_intact());
  });
}

TEST(BiasRelu, IsTheLargerOfZeroAndTheSum) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix x = random_matrix(rows, cols, 1);
    const Matrix bias = random_matrix(1, cols, 2);
    Framed y(x);
    bias_relu(y, bias.span());
    expect_elements(y, 1e-6, [&](std::size_t i, std::size_t j) {
      return std::max(0.0, double{x[i][j]} + bias[0][j]);
    });
    EXPECT_TRUE(y.frame_intact());
  });
}

TEST(BiasRelu, GradientMatchesFiniteDifferences) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    // Values stay further from the kink at 0 than the difference reaches.
    Matrix x = random_matrix(rows, cols, 1);
    for (float& v : x.span()) v += v < 0.0F ? -0.2F : 0.2F;
    x[0][0] = 1.0F;  // at least one active
    const std::vector<float> bias(cols, 0.0F);
    const Matrix dy = random_matrix(rows, cols, 3);
    Matrix y(rows, cols);
    const auto loss = [&] {
      std::copy(x.span().begin(), x.span().end(), y.span().begin());
      bias_relu(y, bias);
      return testing::weighted_sum(dy, y);
    };
    loss();
    Framed dx(dy);
    relu_backward(y, dx);
    expect_gradient(x, dx, loss, 1e-5);
    EXPECT_TRUE(dx.frame_intact());
  });
}

TEST(BiasGelu, EqualsTheExactGeluOfTheSumAndKeepsTheSum) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix x = random_matrix(rows, cols, 1, 2.0);
    const Matrix bias = random_matrix(1, cols, 2);
    Framed sum(x), y(rows, cols);
    bias_gelu(sum, bias.span(), y);
    expect_elements(sum, 1e-6,
                    [&](std::size_t i, std::size_t j) { return double{x[i][j]} + bias[0][j]; });
    expect_elements(y, 1e-6, [&](std::size_t i, std::size_t j) { return gelu(sum[i][j]); });
    EXPECT_TRUE(sum.frame_intact());
    EXPECT_TRUE(y.frame_intact());
  });
}

TEST(BiasGelu, GradientMatchesFiniteDifferences) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix x = random_matrix(rows, cols, 1);
    const std::vector<float> bias(cols, 0.0F);
    const Matrix dy = random_matrix(rows, cols, 3);
    Matrix y(rows, cols);
    const auto loss = [&] {
      bias_gelu(x, bias, y);
      return testing::weighted_sum(dy, y);
    };
    Framed dx(dy);
    gelu_backward(x, dx);
    expect_gradient(x, dx, loss, 1e-4, 0.1F);
    EXPECT_TRUE(dx.frame_intact());
  });
}

/// Points from -12 to 12 as one row, and the GELU of each.
struct GeluSweep {
  static constexpr std::size_t kPoints = 24001;
  Matrix x = Matrix(1, kPoints), y = Matrix(1, kPoints);
  GeluSweep() {
    for (std::size_t j = 0; j < kPoints; ++j) x[0][j] = -12.0F + 0.001F * static_cast<float>(j);
    bias_gelu(x, std::vector<float>(kPoints, 0.0F), y);
  }
};

TEST(BiasGelu, StaysWithinTheClaimedError) {
  // The formula's own error of erf is 1.5e-7, half of which reaches Φ; the rest is float rounding.
  const GeluSweep sweep;
  for (std::size_t j = 0; j < GeluSweep::kPoints; ++j) {
    const double x = sweep.x[0][j];
    ASSERT_NEAR(sweep.y[0][j], gelu(x), 3e-7 * std::abs(x)) << x;
  }
}

TEST(BiasGelu, SlopeIsAccurateFromTailToTail) {
  const GeluSweep sweep;
  Matrix slope(1, GeluSweep::kPoints);
  std::fill(slope.span().begin(), slope.span().end(), 1.0F);
  gelu_backward(sweep.x, slope);
  expect_values(slope.span(), 3e-7, [&](std::size_t j) { return gelu_slope(sweep.x[0][j]); });
}

TEST(BiasGelu, FarTailsAreZeroAndTheIdentity) {
  std::array<float, 8> values = {-1e30F, -1e4F, -100.0F, -20.0F, 20.0F, 100.0F, 1e4F, 1e30F};
  Matrix x(1, values.size()), y(1, values.size()), slope(1, values.size());
  std::copy(values.begin(), values.end(), x.span().begin());
  std::fill(slope.span().begin(), slope.span().end(), 1.0F);
  bias_gelu(x, std::vector<float>(values.size(), 0.0F), y);
  gelu_backward(x, slope);
  for (std::size_t j = 0; j < 4; ++j) {
    EXPECT_NEAR(y[0][j], 0.0, 1e-6) << x[0][j];
    EXPECT_NEAR(slope[0][j], 0.0, 1e-6) << x[0][j];
    EXPECT_EQ(y[0][4 + j], x[0][4 + j]);
    EXPECT_NEAR(slope[0][4 + j], 1.0, 1e-6) << x[0][4 + j];
  }
}

TEST(ColumnSums, AddUpEveryColumn) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix dense = random_matrix(rows, cols, 1);
    Framed x(dense);
    std::vector<float> sums(cols, testing::kNan);
    column_sums(x, sums);
    expect_values(sums, 1e-5, [&](std::size_t j) {
      double sum = 0.0;
      for (std::size_t i = 0; i < rows; ++i) sum += dense[i][j];
      return sum;
    });
  });
}

TEST(ColumnSums, AreTheGradientOfABias) {
  Matrix bias = random_matrix(1, 17, 1);
  const Matrix x = random_matrix(7, 17, 2), dy = random_matrix(7, 17, 3);
  Matrix y(7, 17), sums(1, 17);
  column_sums(dy, sums.span());
  expect_gradient(
      bias, sums,
      [&] {
        std::copy(x.span().begin(), x.span().end(), y.span().begin());
        add_bias(y, bias.span());
        return testing::weighted_sum(dy, y);
      },
      1e-4, 0.5F);
}

TEST(ColumnSums, OfNoRowsAreZero) {
  std::vector<float> sums(17, testing::kNan);
  column_sums(Matrix(0, 17), sums);
  expect_values(sums, 0.0, [](std::size_t) { return 0.0; });
}

TEST(AddScaled, AddsAMultiple) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix a = random_matrix(rows, cols, 1), b = random_matrix(rows, cols, 2);
    Framed x(a), y(b);
    add_scaled(-1.5F, x, y);
    expect_elements(y, 1e-6,
                    [&](std::size_t i, std::size_t j) { return double{b[i][j]} - 1.5 * a[i][j]; });
    EXPECT_TRUE(y.frame_intact());
  });
}

TEST(Cosine, IsTheInnerProductOfDirections) {
  const std::vector<float> a = {3.0F, 4.0F}, b = {8.0F, 6.0F}, none = {0.0F, 0.0F};
  EXPECT_NEAR(cosine(a, b), 0.96, 1e-7);
  EXPECT_NEAR(cosine(a, a), 1.0, 1e-7);
  EXPECT_EQ(cosine(a, none), 0.0);
}

TEST(RowDots, MultiplyMatchingRows) {
  for_odd_shapes([](std::size_t rows, std::size_t cols) {
    Matrix a = random_matrix(rows, cols, 1), b = random_matrix(rows, cols, 2);
    Framed x(a), y(b);
    std::vector<float> dots(rows, testing::kNan);
    row_dots(x, y, dots);
    expect_values(dots, 1e-5, [&](std::size_t i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < cols; ++j) sum += double{a[i][j]} * b[i][j];
      return sum;
    });
    for (std::size_t i = 0; i < rows; ++i)
      EXPECT_EQ(dot(a.view().row(i), b.view().row(i)), dots[i]);
  });
}

// d Σ_i w_i <a_i, b_i> / d a_i = w_i b_i, which add_scaled gives.
TEST(RowDots, GradientMatchesFiniteDifferences) {
  Matrix a = random_matrix(7, 33, 1);
  const Matrix b = random_matrix(7, 33, 2), weights = random_matrix(7, 1, 3);
  Matrix da(7, 33), dots(7, 1);
  for (std::size_t i = 0; i < 7; ++i) {
    add_scaled(weights[i][0], b.view().row_block(i, 1), da.view().row_block(i, 1));
  }
  expect_gradient(
      a, da,
      [&] {
        row_dots(a, b, dots.span());
        return testing::weighted_sum(weights, dots);
      },
      1e-4, 0.5F);
}

}  // namespace
}  // namespace tessera
