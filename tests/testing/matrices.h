#pragma once
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/matrix.h"
#include "base/random.h"

namespace tessera::testing {

/// One lane, a part of a vector, just over one vector of 16, just over two.
inline constexpr std::array<std::size_t, 4> kOddSizes = {1, 7, 17, 33};

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline void fill_random(MatrixView<float> matrix, std::uint64_t seed, double deviation = 1.0) {
  Random random(seed);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    for (float& x : matrix.row(i)) x = static_cast<float>(deviation * random.normal());
  }
}

inline Matrix random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed,
                            double deviation = 1.0) {
  Matrix matrix(rows, cols);
  fill_random(matrix, seed, deviation);
  return matrix;
}

/// Columns in the middle of a wider matrix of NaN: what reads beyond the view shows in the result,
/// what writes beyond it shows in `frame_intact`. The view itself starts as NaN too.
class Framed {
 public:
  Framed(std::size_t rows, std::size_t cols)
      : whole_(rows + 2, cols + kLeft + kRight), cols_(cols) {
    std::fill(whole_.span().begin(), whole_.span().end(), kNan);
  }
  Framed(MatrixView<const float> content) : Framed(content.rows, content.cols) {
    for (std::size_t i = 0; i < content.rows; ++i) {
      std::copy_n(content[i], content.cols, view()[i]);
    }
  }
  MatrixView<float> view() {
    return whole_.view().row_block(1, whole_.rows() - 2).col_block(kLeft, cols_);
  }
  operator MatrixView<float>() { return view(); }        // NOLINT: a matrix is its view
  operator MatrixView<const float>() { return view(); }  // NOLINT: a matrix is its view
  float* operator[](std::size_t row) { return view()[row]; }

  bool frame_intact() const {
    for (std::size_t i = 0; i < whole_.rows(); ++i) {
      for (std::size_t j = 0; j < whole_.cols(); ++j) {
        const bool inside =
            i > 0 && i + 1 < whole_.rows() && j >= kLeft && j < whole_.cols() - kRight;
        if (!inside && !std::isnan(whole_[i][j])) return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kLeft = 3;  // odd, so that rows start between alignments
  static constexpr std::size_t kRight = 2;
  Matrix whole_;
  std::size_t cols_;
};

/// Expects every element of `actual` within `tolerance` of expected(row, column).
template <class Expected>
void expect_elements(MatrixView<const float> actual, double tolerance, const Expected& expected) {
  ASSERT_GT(actual.size(), 0U);
  for (std::size_t i = 0; i < actual.rows; ++i) {
    for (std::size_t j = 0; j < actual.cols; ++j) {
      ASSERT_NEAR(actual[i][j], expected(i, j), tolerance) << "at [" << i << "][" << j << "]";
    }
  }
}

/// As above, for a vector: expected(index).
template <class Expected>
void expect_values(std::span<const float> actual, double tolerance, const Expected& expected) {
  expect_elements({actual.data(), 1, actual.size()}, tolerance,
                  [&](std::size_t, std::size_t j) { return expected(j); });
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace tessera::testing
