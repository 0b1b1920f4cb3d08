#include "kernels/sparse_gram.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"
#include "testing/threads.h"

namespace tessera {
namespace {

/// A random sparse matrix with empty rows, and the same one dense.
struct Sparse {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;
  Matrix dense{50, 23};

  Sparse() {
    Random random(3);
    for (std::size_t row = 0; row < dense.rows(); ++row) {
      for (std::size_t c = 0; row % 7 != 0 && c < dense.cols(); ++c) {
        if (random.uniform() > 0.2) continue;
        columns.push_back(static_cast<std::int32_t>(c));
        values.push_back(dense[row][c] = static_cast<float>(random.normal()));
      }
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
  }
};

Matrix gram_times(const Sparse& a, const Matrix& x) {
  testing::Framed y(x.rows(), x.cols());
  sparse_gram(a.offsets, a.columns, a.values, testing::Framed(x), y);
  EXPECT_TRUE(y.frame_intact());
  Matrix result(x.rows(), x.cols());
  for (std::size_t i = 0; i < x.rows(); ++i) std::copy_n(y[i], x.cols(), result[i]);
  return result;
}

TEST(SparseGram, EqualsTheDenseProductsOnEveryTarget) {
  const Sparse a;
  for (const std::int64_t target : testing::simd_targets()) {
    const testing::SimdTarget only(target);
    for (const std::size_t width : {1UL, 7UL, 33UL, 150UL}) {  // more than two blocks
      const Matrix x = testing::random_matrix(23, width, 4);
      testing::expect_elements(gram_times(a, x), 1e-4, [&](std::size_t i, std::size_t j) {
        double sum = 0.0;
        for (std::size_t row = 0; row < a.dense.rows(); ++row) {
          double product = 0.0;
          for (std::size_t c = 0; c < 23; ++c) product += double{a.dense[row][c]} * x[c][j];
          sum += a.dense[row][i] * product;
        }
        return sum;
      });
    }
  }
}

TEST(SparseGram, DoesNotDependOnTheThreadCount) {
  const Sparse a;
  const Matrix x = testing::random_matrix(23, 300, 4);
  const auto [one, two] = testing::with_one_and_two_threads([&] { return gram_times(a, x); });
  EXPECT_TRUE(testing::same_bits(one.span(), two.span()));
}

}  // namespace
}  // namespace tessera
