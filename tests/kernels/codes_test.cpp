// Choosing a code by its score; moving rows between tables.
#include "kernels/codes.h"
#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <vector>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::Framed;
using testing::kOddSizes;
using testing::random_matrix;

/// `count` row numbers of a table of `rows`, many of them more than once.
std::vector<std::int32_t> random_rows(std::size_t count, std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int32_t> numbers(count);
  for (std::int32_t& n : numbers) n = static_cast<std::int32_t>(random.below(rows));
  return numbers;
}

TEST(AssignCodes, PicksTheLargestScoreWithItsOffset) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::size_t cols : kOddSizes) {
      for (const bool with_offsets : {false, true}) {
        Matrix dense = random_matrix(rows, cols, 1);
        Framed scores(dense);
        const Matrix offsets = random_matrix(1, with_offsets ? cols : 0, 2);
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

TEST(AssignCodes, TheFirstOfEqualsWins) {
  Matrix scores(1, 33);
  std::fill(scores.span().begin(), scores.span().end(), -1.0F);
  scores[0][5] = scores[0][21] = 2.0F;
  std::int32_t code = -1;
  assign_codes(scores, {}, &code, 1);
  EXPECT_EQ(code, 5);
}

TEST(GatherRows, CopiesTheNamedRows) {
  for (const std::size_t cols : kOddSizes) {
    Framed table(random_matrix(7, cols, 1)), out(17, cols);
    const std::vector<std::int32_t> rows = random_rows(17, 7, 2);
    gather_rows(table, rows, out);
    expect_elements(out, 0.0, [&](std::size_t i, std::size_t c) {
      return table[static_cast<std::size_t>(rows[i])][c];
    });
    EXPECT_TRUE(out.frame_intact());
  }
}

TEST(ScatterAddRows, AddsEveryOccurrenceToItsRow) {
  for (const std::size_t cols : kOddSizes) {
    const Matrix before = random_matrix(7, cols, 1);
    Framed x(random_matrix(33, cols, 2)), table(before);
    const std::vector<std::int32_t> rows = random_rows(33, 7, 3);
    scatter_add_rows(x, rows, table);
    expect_elements(table, 1e-5, [&](std::size_t r, std::size_t c) {
      double sum = before[r][c];
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] == static_cast<std::int32_t>(r)) sum += x[i][c];
      }
      return sum;
    });
    EXPECT_TRUE(table.frame_intact());
  }
}

TEST(ScatterAddRows, IsTheGradientOfGatherRows) {
  Matrix table = random_matrix(7, 17, 1);
  const Matrix dout = random_matrix(33, 17, 2);
  Matrix out(33, 17), dtable(7, 17);
  const std::vector<std::int32_t> rows = random_rows(33, 7, 3);
  scatter_add_rows(dout, rows, dtable);
  testing::expect_gradient(
      table, dtable,
      [&] {
        gather_rows(table, rows, out);
        return testing::weighted_sum(dout, out);
      },
      1e-4, 0.5F);
}

}  // namespace
}  // namespace tessera
