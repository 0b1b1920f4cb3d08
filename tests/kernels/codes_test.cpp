// Choosing a code by its score.
#include "kernels/codes.h"

#include <gtest/gtest.h>

#include <vector>

#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

TEST(AssignCodes, PicksTheLargestScoreWithItsOffset) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) {
      for (const bool with_offsets : {false, true}) {
        Matrix dense = random_matrix(rows, cols, 1);
        Framed scores(dense);
        const Matrix offsets = random_matrix(1, with_offsets ? cols : 0, 2);
        for (const std::int64_t target : testing::simd_targets()) {
          const testing::SimdTarget use(target);
          std::vector<std::int32_t> codes(rows * 3, -1);
          assign_codes(scores, offsets.span(), codes.data() + 1, 3);
          for (std::size_t i = 0; i < rows; ++i) {
            std::size_t best = 0;
            const auto score = [&](std::size_t c) {
              return dense[i][c] + (with_offsets ? offsets[0][c] : 0.0F);
            };
            for (std::size_t c = 0; c < cols; ++c) best = score(c) > score(best) ? c : best;
            EXPECT_EQ(codes[3 * i + 1], static_cast<std::int32_t>(best));
            // The codes of other levels, between the strides, are left alone.
            EXPECT_EQ(codes[3 * i], -1);
            EXPECT_EQ(codes[3 * i + 2], -1);
          }
        }
      }
    }
  }
}

TEST(AssignCodes, TheFirstOfEqualsWins) {
  Matrix scores(1, 33);
  std::fill(scores.span().begin(), scores.span().end(), -1.0F);
  scores[0][5] = scores[0][21] = 2.0F;
  std::int32_t code = -1;
  assign_codes(scores, {}, &code, 1);
  EXPECT_EQ(code, 5);
}

}  // namespace
}  // namespace tessera
