// Packed causal convolution against a plain version in double, its gradient by finite differences.
#include "kernels/convolution.h"

#include <gtest/gtest.h>

#include "testing/gradient_check.h"
#include "testing/matrices.h"
#include "testing/threads.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::random_matrix;

// Sequences of 1, 7, 0 and 17 positions.
const std::vector<std::int32_t> kRaggedOffsets = {0, 1, 8, 8, 25};
constexpr std::size_t kRaggedPositions = 25;

double plain(const Matrix& x, const Matrix& taps, std::size_t first, std::size_t i, std::size_t c) {
  double sum = 0.0;
  for (std::size_t k = 0; k < taps.rows() && first + k <= i; ++k) {
    sum += double{taps[k][c]} * x[i - k][c];
  }
  return sum;
}

std::size_t first_of(std::size_t position) { return position < 1 ? 0 : position < 8 ? 1 : 8; }

TEST(CausalConvolution, IsThePlainSumWithinEachSequence) {
  for (const std::size_t width : {1, 3, 16, 33}) {
    for (const std::size_t count : {1, 2, 6, 30}) {
      const Matrix x = random_matrix(kRaggedPositions, width, 1);
      const Matrix taps = random_matrix(count, width, 2);
      const Matrix before = random_matrix(kRaggedPositions, width, 3);
      Matrix y = before.clone();
      add_causal_convolution(kRaggedOffsets, x, taps, y);
      expect_elements(y, 1e-5, [&](std::size_t i, std::size_t c) {
        return before[i][c] + plain(x, taps, first_of(i), i, c);
      });
      Matrix last = random_matrix(4, width, 4);
      const Matrix kept = last.clone();
      add_last_convolution(kRaggedOffsets, x, taps, last);
      expect_elements(last, 1e-5, [&](std::size_t s, std::size_t c) {
        if (kRaggedOffsets[s] == kRaggedOffsets[s + 1]) return double{kept[s][c]};
        const auto end = static_cast<std::size_t>(kRaggedOffsets[s + 1]);
        return kept[s][c] + plain(x, taps, first_of(end - 1), end - 1, c);
      });
    }
  }
}

TEST(CausalConvolution, GradientMatchesFiniteDifferences) {
  for (const std::size_t width : {1, 5, 33}) {
    Matrix x = random_matrix(kRaggedPositions, width, 1), taps = random_matrix(6, width, 2);
    const Matrix dy = random_matrix(kRaggedPositions, width, 3);
    Matrix dx(kRaggedPositions, width), dtaps = random_matrix(6, width, 5);
    causal_convolution_backward(kRaggedOffsets, x, taps, dy, dx, dtaps);
    const auto loss = [&] {
      Matrix y(kRaggedPositions, width);
      add_causal_convolution(kRaggedOffsets, x, taps, y);
      return testing::weighted_sum(dy, y);
    };
    testing::expect_gradient(x, dx, loss, 2e-3, 0.01F);
    testing::expect_gradient(taps, dtaps, loss, 2e-3, 0.01F);
  }
}

TEST(CausalConvolution, TheSameBitsByOneThreadAndTwo) {
  const Matrix x = random_matrix(kRaggedPositions, 40, 1), taps = random_matrix(6, 40, 2);
  const Matrix dy = random_matrix(kRaggedPositions, 40, 3);
  const auto [one, two] = testing::with_one_and_two_threads([&] {
    Matrix all(kRaggedPositions + 6, 40);
    causal_convolution_backward(kRaggedOffsets, x, taps, dy,
                                all.view().row_block(0, kRaggedPositions),
                                all.view().row_block(kRaggedPositions, 6));
    return all;
  });
  EXPECT_TRUE(testing::same_bits(one.span(), two.span()));
}

}  // namespace
}  // namespace tessera
