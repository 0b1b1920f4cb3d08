// Layer normalisation against its definition in double, and where its small epsilon bites.
#include "kernels/layer_norm.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/elementwise.h"
#include "testing/gradient_check.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_gradient;
using testing::expect_values;
using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

constexpr float kEpsilon = 1e-12F;

struct Moments {
  double mean = 0.0, inverse_std = 0.0;
};

Moments moments(std::span<const float> row, double epsilon) {
  Moments m;
  const auto n = static_cast<double>(row.size());
  for (const float x : row) m.mean += x / n;
  double variance = 0.0;
  for (const float x : row) variance += (x - m.mean) * (x - m.mean) / n;
  m.inverse_std = 1.0 / std::sqrt(variance + epsilon);
  return m;
}

TEST(LayerNorm, EqualsItsDefinitionOnStridedRows) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : {std::size_t{7}, std::size_t{17}, std::size_t{33}}) {
      Matrix dense = random_matrix(rows, cols, 1, 3.0);
      const Matrix gamma = random_matrix(1, cols, 2), beta = random_matrix(1, cols, 3);
      Framed x(dense), normalized(rows, cols), y(rows, cols);
      std::vector<float> inverse_std(rows);
      layer_norm(x, gamma.span(), beta.span(), kEpsilon, normalized, inverse_std, y);
      const auto hat = [&](std::size_t i, std::size_t j) {
        const Moments m = moments(dense.view().row(i), kEpsilon);
        return (dense[i][j] - m.mean) * m.inverse_std;
      };
      expect_elements(normalized, 2e-6, hat);
      expect_elements(y, 5e-6, [&](std::size_t i, std::size_t j) {
        return hat(i, j) * gamma[0][j] + beta[0][j];
      });
      for (std::size_t i = 0; i < rows; ++i) {
        const double expected = moments(dense.view().row(i), kEpsilon).inverse_std;
        EXPECT_NEAR(inverse_std[i], expected, 1e-6 * expected);
      }
      EXPECT_TRUE(normalized.frame_intact());
      EXPECT_TRUE(y.frame_intact());
    }
  }
}

TEST(LayerNorm, AConstantRowGivesBeta) {
  // The variance is 0; rounding errors in its place would be blown up to order 1 by epsilon 1e-12.
  for (const std::size_t cols :
       {std::size_t{1}, std::size_t{7}, std::size_t{33}, std::size_t{72}}) {
    for (const float value : {0.0F, 0.1F, -3.3F, 1000.1F, 1e6F / 3.0F}) {
      Matrix x(1, cols), normalized(1, cols), y(1, cols);
      std::fill(x.span().begin(), x.span().end(), value);
      const Matrix gamma = random_matrix(1, cols, 1), beta = random_matrix(1, cols, 2);
      std::vector<float> inverse_std(1);
      layer_norm(x, gamma.span(), beta.span(), kEpsilon, normalized, inverse_std, y);
      EXPECT_TRUE(testing::same_bits(y.span(), beta.span())) << cols << " columns of " << value;
      EXPECT_NEAR(inverse_std[0], 1e6, 1.0);
    }
  }
}

TEST(LayerNorm, KeepsItsPrecisionFarFromZeroAndBesideAnOutlier) {
  // Rows around 100 with deviation 1: the mean's rounding, 4e-6, is all that may be lost. The
  // outlier stands first, where the kernel measures the mean from.
  Matrix x = random_matrix(2, 33, 1);
  for (float& v : x.view().row(0)) v += 100.0F;
  x[1][0] = 1e4F;
  Matrix normalized(2, 33), y(2, 33);
  const std::vector<float> gamma(33, 1.0F), beta(33, 0.0F);
  std::vector<float> inverse_std(2);
  layer_norm(x, gamma, beta, kEpsilon, normalized, inverse_std, y);
  expect_elements(y, 1e-5, [&](std::size_t i, std::size_t j) {
    const Moments m = moments(x.view().row(i), kEpsilon);
    return (x[i][j] - m.mean) * m.inverse_std;
  });
}

TEST(LayerNorm, TheOutputMayBeTheInput) {
  Matrix x = random_matrix(7, 33, 1);
  const Matrix gamma = random_matrix(1, 33, 2), beta = random_matrix(1, 33, 3);
  Matrix normalized(7, 33), y(7, 33);
  std::vector<float> inverse_std(7);
  layer_norm(x, gamma.span(), beta.span(), kEpsilon, normalized, inverse_std, y);
  layer_norm(x, gamma.span(), beta.span(), kEpsilon, normalized, inverse_std, x);
  EXPECT_TRUE(testing::same_bits(x.span(), y.span()));
}

/// A layer norm of random rows with a random loss, and its gradients.
struct Problem {
  Matrix x, gamma, beta, dy, normalized, y;
  std::vector<float> inverse_std;

  Problem(std::size_t rows, std::size_t cols)
      : x(random_matrix(rows, cols, 1, 2.0)),
        gamma(random_matrix(1, cols, 2)),
        beta(random_matrix(1, cols, 3)),
        dy(random_matrix(rows, cols, 4)),
        normalized(rows, cols),
        y(rows, cols),
        inverse_std(rows) {}

  double loss() {
    layer_norm(x, gamma.span(), beta.span(), kEpsilon, normalized, inverse_std, y);
    return testing::weighted_sum(dy, y);
  }
};

TEST(LayerNorm, GradientMatchesFiniteDifferences) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : {std::size_t{7}, std::size_t{17}, std::size_t{33}}) {
      Problem p(rows, cols);
      p.loss();
      Matrix dgamma(1, cols), dbeta(1, cols);
      Framed dx(rows, cols), dy(p.dy);
      layer_norm_backward(p.normalized, p.inverse_std, p.gamma.span(), dy, dx, dgamma.span(),
                          dbeta.span());
      const auto loss = [&] { return p.loss(); };
      expect_gradient(p.x, dx, loss, 1e-3, 0.03F);
      expect_gradient(p.gamma, dgamma, loss, 1e-4, 0.5F);
      expect_gradient(p.beta, dbeta, loss, 1e-4, 0.5F);
      EXPECT_TRUE(dx.frame_intact());
    }
  }
}

TEST(LayerNorm, TheInputGradientMayOverwriteTheOutputGradient) {
  Problem p(17, 33);
  p.loss();
  Matrix dx(17, 33);
  std::vector<float> dgamma(33), dbeta(33), dgamma_inplace(33), dbeta_inplace(33);
  layer_norm_backward(p.normalized, p.inverse_std, p.gamma.span(), p.dy, dx, dgamma, dbeta);
  layer_norm_backward(p.normalized, p.inverse_std, p.gamma.span(), p.dy, p.dy, dgamma_inplace,
                      dbeta_inplace);
  EXPECT_TRUE(testing::same_bits(dx.span(), p.dy.span()));
  EXPECT_TRUE(testing::same_bits(dgamma, dgamma_inplace));
  EXPECT_TRUE(testing::same_bits(dbeta, dbeta_inplace));
}

TEST(LayerNorm, OneColumnGivesBetaAndNoInputGradient) {
  Problem p(7, 1);
  p.loss();
  expect_elements(p.y, 0.0, [&](std::size_t, std::size_t) { return p.beta[0][0]; });
  Matrix dx(7, 1), dgamma(1, 1), dbeta(1, 1);
  layer_norm_backward(p.normalized, p.inverse_std, p.gamma.span(), p.dy, dx, dgamma.span(),
                      dbeta.span());
  expect_elements(dx, 0.0, [](std::size_t, std::size_t) { return 0.0; });
}

TEST(ResidualLayerNorm, EqualsItsPartsAndTheirBackwardPasses) {
  constexpr std::size_t kRows = 33;
  constexpr std::size_t kCols = 17;
  for (const float probability : {0.0F, 0.4F}) {
    for (const std::int64_t target : testing::simd_targets()) {
      const testing::SimdTarget use(target);
      const Matrix branch = random_matrix(kRows, kCols, 1), bias = random_matrix(1, kCols, 2);
      const Matrix gamma = random_matrix(1, kCols, 3), beta = random_matrix(1, kCols, 4);
      Framed residual(random_matrix(kRows, kCols, 5)), fused(branch), normalized(kRows, kCols);
      std::vector<float> inverse_std(kRows);
      residual_layer_norm(residual, bias.span(), {probability, 99}, gamma.span(), beta.span(),
                          kEpsilon, fused, normalized, inverse_std);

      Matrix parts = branch.clone(), parts_normalized(kRows, kCols), y(kRows, kCols);
      std::vector<float> parts_inverse_std(kRows);
      add_bias(parts, bias.span());
      dropout(parts, probability, 99);
      add_scaled(1.0F, residual, parts);
      layer_norm(parts, gamma.span(), beta.span(), kEpsilon, parts_normalized, parts_inverse_std,
                 y);
      expect_elements(fused, 1e-5, [&](std::size_t i, std::size_t j) { return y[i][j]; });
      EXPECT_TRUE(fused.frame_intact());

      const Matrix dy = random_matrix(kRows, kCols, 6);
      Framed dresidual(dy), dbranch(kRows, kCols);
      Matrix sums(4, kCols), dparts(kRows, kCols);
      const MatrixView<float> gradients = sums;
      residual_layer_norm_backward(normalized, inverse_std, gamma.span(), {probability, 99},
                                   dresidual, dbranch, gradients.row(0), gradients.row(1));
      layer_norm_backward(parts_normalized, parts_inverse_std, gamma.span(), dy, dparts,
                          gradients.row(2), gradients.row(3));
      expect_elements(dresidual, 1e-5, [&](std::size_t i, std::size_t j) { return dparts[i][j]; });
      dropout(dparts, probability, 99);
      expect_elements(dbranch, 1e-5, [&](std::size_t i, std::size_t j) { return dparts[i][j]; });
      expect_elements(gradients.row_block(0, 2), 1e-4,
                      [&](std::size_t i, std::size_t j) { return sums[i + 2][j]; });
      EXPECT_TRUE(dresidual.frame_intact());
      EXPECT_TRUE(dbranch.frame_intact());
    }
  }
}

}  // namespace
}  // namespace tessera
