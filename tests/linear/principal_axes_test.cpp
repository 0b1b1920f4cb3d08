// Principal axes against what defines them: no other direction has more variance.
#include "linear/principal_axes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace tessera {
namespace {

constexpr std::size_t kRows = 400, kDims = 7;

Matrix stretched_rows() {
  Random random(5, {0});
  Matrix rows(kRows, kDims);
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t d = 0; d < kDims; ++d) {
      rows[i][d] = 3.0F + static_cast<float>(d + 1) * static_cast<float>(random.normal());
    }
    rows[i][0] += rows[i][6];
  }
  return rows;
}

double variance_along(const Matrix& rows, std::span<const double> direction) {
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double place = 0.0;
    for (std::size_t d = 0; d < rows.cols(); ++d) place += direction[d] * rows[i][d];
    sum += place;
    squares += place * place;
  }
  const double mean = sum / static_cast<double>(rows.rows());
  return squares / static_cast<double>(rows.rows()) - mean * mean;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
  return sum;
}

TEST(PrincipalAxes, AreAtRightAnglesWithTheVariancesThatTheyName) {
  const Matrix rows = stretched_rows();
  const PrincipalAxes found = principal_axes_of(rows);
  for (std::size_t a = 0; a < kDims; ++a) {
    for (std::size_t b = 0; b < kDims; ++b) {
      EXPECT_NEAR(dot(found.axis(a), found.axis(b)), a == b ? 1.0 : 0.0, 1e-9);
    }
    EXPECT_NEAR(variance_along(rows, found.axis(a)) / found.variances[a], 1.0, 1e-3);
    if (a > 0) {
      EXPECT_LE(found.variances[a], found.variances[a - 1]);
    }
    EXPECT_GT(*std::ranges::max_element(found.axis(a), {}, [](double x) { return std::abs(x); }),
              0.0);
  }
}

TEST(PrincipalAxes, NoDirectionHasMoreVarianceThanTheFirst) {
  const Matrix rows = stretched_rows();
  const PrincipalAxes found = principal_axes_of(rows);
  Random random(6, {0});
  for (int draw = 0; draw < 100; ++draw) {
    std::vector<double> direction(kDims);
    for (double& x : direction) x = random.normal();
    const double length = std::sqrt(dot(direction, direction));
    for (double& x : direction) x /= length;
    EXPECT_LE(variance_along(rows, direction), found.variances[0] * 1.001);
  }
}

TEST(PrincipalAxes, OneRowHasAxesWithoutVariance) {
  const Matrix row(1, kDims);
  for (const double variance : principal_axes_of(row).variances) EXPECT_NEAR(variance, 0.0, 1e-12);
}

}  // namespace
}  // namespace tessera
