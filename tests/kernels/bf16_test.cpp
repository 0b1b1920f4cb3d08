// Brain floats: rounding against a plain one, products against plain loops over the rounded values.
#include "kernels/bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "kernels/gemm_bf16.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

using testing::kOddSizes;
using testing::random_matrix;

// The brain float nearest to x, by trying both neighbours.
float nearest(float x) {
  const std::uint32_t below = std::bit_cast<std::uint32_t>(x) & 0xffff0000U;
  const auto low = std::bit_cast<float>(below);
  const auto high = std::bit_cast<float>(below + 0x10000U);
  const double to_low = std::abs(double{x} - double{low});
  const double to_high = std::abs(double{high} - double{x});
  if (to_low != to_high) return to_low < to_high ? low : high;
  return ((below >> 16) & 1U) == 0 ? low : high;
}

struct Rounded {
  explicit Rounded(MatrixView<const float> x)
      : values(x.size()), view(values.data(), x.rows, x.cols) {
    to_bf16(x, view);
  }
  float at(std::size_t i, std::size_t j) const { return to_float(view[i][j]); }
  std::vector<Bf16> values;
  MatrixView<Bf16> view;
};

TEST(Bf16, RoundsToTheNearestEvenOnEveryTarget) {
  Matrix x = random_matrix(3, 33, 1, 100.0);
  x[0][0] = std::bit_cast<float>(0x3f808000U);  // halfway, the lower neighbour even
  x[0][1] = std::bit_cast<float>(0x3f818000U);  // halfway, the upper neighbour even
  x[0][2] = 0.0F;
  x[0][3] = -0.0F;
  x[0][32] = 1e-39F;  // subnormal
  for (const std::int64_t target : testing::simd_targets()) {
    const testing::SimdTarget use(target);
    const Rounded rounded(x);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 33; ++j) EXPECT_EQ(rounded.at(i, j), nearest(x[i][j])) << x[i][j];
    }
  }
}

TEST(Bf16, ReluBackwardMasksAndSumsOnEveryTarget) {
  for (const std::size_t cols : kOddSizes) {
    Matrix activation = random_matrix(25, cols, 1);
    for (float& a : activation.span()) a = std::max(a, 0.0F);
    const Rounded y(activation);
    for (const std::int64_t target : testing::simd_targets()) {
      const testing::SimdTarget use(target);
      for (const bool masked : {true, false}) {
        const Matrix gradient = random_matrix(25, cols, 2);
        const Rounded before(gradient);
        Rounded dy(gradient);
        std::vector<float> sums(cols);
        relu_backward_sums(masked ? y.view : MatrixView<Bf16>(), dy.view, sums);
        for (std::size_t j = 0; j < cols; ++j) {
          double sum = 0.0;
          for (std::size_t i = 0; i < 25; ++i) {
            const float expected = masked && activation[i][j] <= 0.0F ? 0.0F : before.at(i, j);
            ASSERT_EQ(dy.at(i, j), expected);
            sum += expected;
          }
          EXPECT_NEAR(sums[j], sum, 1e-5);
        }
      }
    }
  }
}

TEST(GemmBf16, EqualsPlainLoopsForAllTransposesEpiloguesAndOddShapes) {
  const auto stored = [](Transpose t, std::size_t rows, std::size_t cols, std::uint64_t seed) {
    return t == Transpose::no ? random_matrix(rows, cols, seed) : random_matrix(cols, rows, seed);
  };
  const auto element = [](Transpose t, const Rounded& m, std::size_t i, std::size_t j) {
    return double{t == Transpose::no ? m.at(i, j) : m.at(j, i)};
  };
  std::size_t cases = 0;
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) {
      for (const std::size_t inner : kOddSizes) {
        for (const Transpose ta : {Transpose::no, Transpose::yes}) {
          for (const Transpose tb : {Transpose::no, Transpose::yes}) {
            const Rounded a(stored(ta, rows, inner, 1));
            const Rounded b(stored(tb, inner, cols, 2));
            const Matrix bias = random_matrix(1, cols, 3);
            const bool relu = cases % 2 == 0;
            const bool biased = cases % 3 != 0;
            ++cases;
            const GemmEpilogue epilogue{biased ? bias.span() : std::span<const float>(), relu};
            Matrix c(rows, cols);
            const Rounded half(c);
            gemm_bf16(ta, tb, a.view, b.view, c, epilogue);
            gemm_bf16(ta, tb, a.view, b.view, half.view, epilogue);
            for (std::size_t i = 0; i < rows; ++i) {
              for (std::size_t j = 0; j < cols; ++j) {
                double sum = biased ? bias[0][j] : 0.0;
                for (std::size_t k = 0; k < inner; ++k) {
                  sum += element(ta, a, i, k) * element(tb, b, k, j);
                }
                if (relu) sum = std::max(sum, 0.0);
                ASSERT_NEAR(c[i][j], sum, 2e-5);
                ASSERT_NEAR(half.at(i, j), sum, 2e-5 + std::abs(sum) / 256);
              }
            }
          }
        }
      }
    }
  }
}

TEST(GemmBf16, RefusesShapesThatDoNotFit) {
  const Rounded a(Matrix(2, 3));
  const Rounded b(Matrix(4, 5));
  Matrix c(2, 5);
  testing::expect_error([&] { gemm_bf16(Transpose::no, Transpose::no, a.view, b.view, c); },
                        {"2×3 by 4×5", "2×5"});
}

}  // namespace
}  // namespace tessera
