#include "linear/inverse_factor.h"

#include <Eigen/Dense>
#include <algorithm>

#include "base/error.h"
#include "kernels/gemm.h"

namespace tessera {
namespace {

constexpr std::size_t kLeaf = 128;

void invert_small_factor(MatrixView<float> matrix) {
  const auto size = static_cast<Eigen::Index>(matrix.rows);
  Eigen::MatrixXd values(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    const float* row = matrix[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < size; ++j) values(i, j) = double{row[j]};
  }
  const Eigen::LLT<Eigen::MatrixXd> factor(values);
  if (factor.info() != Eigen::Success) fail("a matrix to invert is not positive definite");
  const Eigen::MatrixXd inverse = factor.matrixL().solve(Eigen::MatrixXd::Identity(size, size));
  for (Eigen::Index i = 0; i < size; ++i) {
    float* row = matrix[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < size; ++j) row[j] = static_cast<float>(inverse(i, j));
  }
}

}  // namespace

// [A ·; B D] has the factor [L ·; B L⁻ᵀ K] with A = L Lᵀ and D − (B L⁻ᵀ)(B L⁻ᵀ)ᵀ = K Kᵀ, and that
// the inverse [L⁻¹ ·; −K⁻¹ (B L⁻ᵀ) L⁻¹ K⁻¹].
void invert_factor(MatrixView<float> matrix) {
  if (matrix.rows <= kLeaf) return invert_small_factor(matrix);
  const std::size_t half = matrix.rows / 2, rest = matrix.rows - half;
  const MatrixView<float> above = matrix.row_block(0, half), below = matrix.row_block(half, rest);
  const MatrixView<float> a = above.col_block(0, half), corner = above.col_block(half, rest);
  const MatrixView<float> b = below.col_block(0, half), d = below.col_block(half, rest);
  invert_factor(a);
  Matrix left(rest, half), product(rest, half);
  gemm(Transpose::no, Transpose::yes, 1.0F, b, a, 0.0F, left);
  gemm(Transpose::no, Transpose::yes, -1.0F, left, left, 1.0F, d);
  invert_factor(d);
  gemm(Transpose::no, Transpose::no, 1.0F, d, left, 0.0F, product);
  gemm(Transpose::no, Transpose::no, -1.0F, product, a, 0.0F, b);
  for (std::size_t i = 0; i < half; ++i) std::fill_n(corner[i], rest, 0.0F);
}

}  // namespace tessera
