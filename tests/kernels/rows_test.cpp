// Moving rows between tables, against plain loops on every SIMD target.
#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <vector>

#include "testing/gradient_check.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_values;
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

/// Calls body(columns) for odd widths on every SIMD target.
template <class Body>
void for_widths_and_targets(const Body& body) {
  for (const std::size_t cols : kOddSizes) {
    for (const std::int64_t target : testing::simd_targets()) {
      const testing::SimdTarget use(target);
      SCOPED_TRACE(hwy::TargetName(target));
      body(cols);
    }
  }
}

double dot_of(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

TEST(Rows, AreCopiedBetweenStridedMatrices) {
  Framed x(random_matrix(17, 7, 1)), y(17, 7);
  copy_rows(x, y);
  expect_elements(y, 0.0, [&](std::size_t i, std::size_t c) { return x[i][c]; });
  EXPECT_TRUE(y.frame_intact());
}

TEST(Rows, AreGatheredAsBrainFloats) {
  for_widths_and_targets([](std::size_t cols) {
    Framed table(random_matrix(7, cols, 1));
    const std::vector<std::int32_t> rows = random_rows(17, 7, 2);
    std::vector<Bf16> out(17 * cols), rounded(cols);
    gather_rows(table, rows, MatrixView<Bf16>(out.data(), 17, cols));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      to_bf16(table.view().row(static_cast<std::size_t>(rows[i])), rounded.data());
      for (std::size_t c = 0; c < cols; ++c) EXPECT_EQ(out[i * cols + c].bits, rounded[c].bits);
    }
  });
}

TEST(Rows, AreScatteredWithTheirScales) {
  for_widths_and_targets([](std::size_t cols) {
    const Matrix scales = random_matrix(1, 33, 1);
    Framed x(random_matrix(33, cols, 2)), table(Matrix(7, cols));
    const std::vector<std::int32_t> rows = random_rows(33, 7, 3);
    scatter_add_rows(x, rows, table, scales.span());
    expect_elements(table, 1e-5, [&](std::size_t r, std::size_t c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] == static_cast<std::int32_t>(r)) sum += double{scales[0][i]} * x[i][c];
      }
      return sum;
    });
    EXPECT_TRUE(table.frame_intact());
  });
}

TEST(Rows, AreAddedWhereTheyAreGathered) {
  for_widths_and_targets([](std::size_t cols) {
    const Matrix scales = random_matrix(1, 17, 1), before = random_matrix(17, cols, 2);
    Framed table(random_matrix(7, cols, 3)), out(before);
    const std::vector<std::int32_t> rows = random_rows(17, 7, 4);
    gather_add_rows(table, rows, scales.span(), out);
    expect_elements(out, 1e-5, [&](std::size_t i, std::size_t c) {
      return before[i][c] + double{scales[0][i]} * table[static_cast<std::size_t>(rows[i])][c];
    });
    EXPECT_TRUE(out.frame_intact());
  });
}

TEST(Rows, GiveTheirInnerProducts) {
  for_widths_and_targets([](std::size_t cols) {
    Framed table(random_matrix(7, cols, 1)), x(random_matrix(17, cols, 2));
    const std::vector<std::int32_t> rows = random_rows(17, 7, 3);
    std::vector<float> out(17);
    gathered_dots(x, table, rows, out);
    expect_values(out, 1e-5, [&](std::size_t i) {
      return dot_of(x.view().row(i), table.view().row(static_cast<std::size_t>(rows[i])));
    });
  });
}

TEST(Rows, GiveSquaredErrorsAndTheirGradient) {
  for_widths_and_targets([](std::size_t cols) {
    const Matrix scales = random_matrix(1, 17, 1), before = random_matrix(17, cols, 2);
    Framed table(random_matrix(7, cols, 3)), x(before);
    const std::vector<std::int32_t> rows = random_rows(17, 7, 4);
    std::vector<float> squares(17);
    squared_errors(table, rows, scales.span(), x, squares);
    const auto error = [&](std::size_t i, std::size_t c) {
      return double{before[i][c]} - table[static_cast<std::size_t>(rows[i])][c];
    };
    expect_elements(x, 1e-5,
                    [&](std::size_t i, std::size_t c) { return scales[0][i] * error(i, c); });
    expect_values(squares, 1e-4, [&](std::size_t i) {
      double sum = 0.0;
      for (std::size_t c = 0; c < cols; ++c) sum += error(i, c) * error(i, c);
      return sum;
    });
    EXPECT_TRUE(x.frame_intact());
  });
}

}  // namespace
}  // namespace tessera
