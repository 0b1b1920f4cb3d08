#include "linear/inverse_factor.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "kernels/gemm.h"
#include "testing/errors.h"

namespace tessera {
namespace {

// B Bᵀ / n + ridge, with nonsense above the diagonal, which nobody is to read.
Matrix positive_definite(std::size_t n, float ridge, Matrix& whole) {
  Random random(n);
  Matrix roots(n, n);
  for (float& x : roots.span()) x = static_cast<float>(random.normal());
  whole = Matrix(n, n);
  gemm(Transpose::no, Transpose::yes, 1.0F / static_cast<float>(n), roots, roots, 0.0F, whole);
  for (std::size_t i = 0; i < n; ++i) whole[i][i] += ridge;
  Matrix lower = whole.clone();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) lower[i][j] = 1e30F;
  }
  return lower;
}

TEST(InvertFactor, TurnsTheMatrixIntoTheIdentity) {
  for (const std::size_t n : {1U, 2U, 128U, 129U, 500U}) {
    Matrix whole;
    Matrix factor = positive_definite(n, 0.1F, whole);
    invert_factor(factor);
    Matrix half(n, n), identity(n, n);
    gemm(Transpose::no, Transpose::no, 1.0F, factor, whole, 0.0F, half);
    gemm(Transpose::no, Transpose::yes, 1.0F, half, factor, 0.0F, identity);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        ASSERT_NEAR(identity[i][j], i == j ? 1.0F : 0.0F, 2e-4F) << n << ": " << i << ", " << j;
        if (j > i) {
          ASSERT_EQ(factor[i][j], 0.0F);
        }
      }
    }
  }
}

TEST(InvertFactor, RefusesWhatIsNotPositiveDefinite) {
  Matrix matrix(2, 2);
  matrix[0][0] = 1.0F;
  matrix[1][1] = -1.0F;
  testing::expect_error([&] { invert_factor(matrix); }, {"not positive definite"});
}

}  // namespace
}  // namespace tessera
