#include "text/svd.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/sparse_gram.h"
#include "linear/symmetric_eigen.h"

namespace tessera {
namespace {

using Dense = Eigen::MatrixXd;

// xᵀy for a product that is symmetric up to rounding, in double: it is small, and what follows
// squares the condition number.
Dense symmetric_product(MatrixView<const float> x, MatrixView<const float> y) {
  Matrix product(x.cols, y.cols);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, y, 0.0F, product);
  Dense result(x.cols, x.cols);
  for (std::size_t i = 0; i < x.cols; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) {
      result(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          0.5 * (double{product[i][j]} + product[j][i]);
    }
  }
  return result;
}

// x ← x · map
void apply(Matrix& x, const Dense& map) {
  Matrix factor(x.cols(), static_cast<std::size_t>(map.cols()));
  for (std::size_t i = 0; i < factor.rows(); ++i) {
    for (std::size_t j = 0; j < factor.cols(); ++j) {
      factor[i][j] =
          static_cast<float>(map(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)));
    }
  }
  Matrix result(x.rows(), factor.cols());
  gemm(Transpose::no, Transpose::no, 1.0F, x, factor, 0.0F, result);
  x = std::move(result);
}

// Orthonormal columns that span x's. They are scaled to unit length first, because the lengths grow
// as far apart as the squares of the singular values; then by the Cholesky factor of their Gram
// matrix, or, if they are dependent, by its eigenvectors: those exist for any rank, and columns of
// no weight become zero. A second pass removes what rounding left of the first.
void orthonormalise(Matrix& x, int passes) {
  for (int pass = 0; pass < passes; ++pass) {
    Dense g = symmetric_product(x, x);
    Eigen::VectorXd scale = g.diagonal();
    const double least = 1e-30 * std::max(scale.maxCoeff(), 1e-30);
    for (double& s : scale) s = s > least ? 1.0 / std::sqrt(s) : 0.0;
    g = scale.asDiagonal() * g * scale.asDiagonal();
    const Eigen::LLT<Dense> cholesky(g);
    const double smallest = Dense(cholesky.matrixL()).diagonal().array().abs().minCoeff();
    if (cholesky.info() == Eigen::Success && smallest * smallest > 1e-6) {
      apply(x, scale.asDiagonal() * cholesky.matrixU().solve(Dense::Identity(g.rows(), g.cols())));
      continue;
    }
    const SymmetricEigen eigen = symmetric_eigen(g);
    const double cut = 1e-7 * std::max(eigen.values.maxCoeff(), 1e-30);
    Dense map = scale.asDiagonal() * eigen.vectors;
    for (Eigen::Index c = 0; c < map.cols(); ++c) {
      const double value = eigen.values(c);
      map.col(c) *= value > cut ? 1.0 / std::sqrt(value) : 0.0;
    }
    apply(x, map);
  }
}

}  // namespace

void multiply(const SparseMatrix& a, MatrixView<const float> b, MatrixView<float> c) {
  parallel_for(a.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      std::ranges::fill(c.row(row), 0.0F);
      for (auto e = static_cast<std::size_t>(a.offsets[row]);
           e < static_cast<std::size_t>(a.offsets[row + 1]); ++e) {
        add_scaled(a.values[e], b.row_block(static_cast<std::size_t>(a.columns[e]), 1),
                   c.row_block(row, 1));
      }
    }
  });
}

Matrix right_singular_vectors(const SparseMatrix& a, std::size_t dims, std::uint64_t seed,
                              std::size_t rounds, const ProgressFunction& progress) {
  Matrix vectors(a.cols, dims);
  const std::size_t sketch = std::min({dims + dims / 10 + 8, a.rows, a.cols});
  if (sketch == 0) return vectors;
  Matrix basis(a.cols, sketch), image(a.cols, sketch);
  Random random(seed, {0x5bd});
  for (float& value : image.span()) value = static_cast<float>(random.normal());
  for (std::size_t round = 0; round <= rounds; ++round) {
    orthonormalise(image, round < rounds ? 1 : 2);  // on the way it only has to stay in range
    std::swap(basis, image);
    image = Matrix(a.cols, basis.cols());
    sparse_gram(a.offsets, a.columns, a.values, basis, image);
    if (progress) progress(round + 1, rounds + 1);
  }
  // basisᵀ Aᵀ A basis = W Σ² Wᵀ: the singular vectors are basis · W (Rayleigh and Ritz).
  const SymmetricEigen eigen = symmetric_eigen(symmetric_product(basis, image));
  const Eigen::Index columns = eigen.values.size();
  const double cut = 1e-6 * std::max(eigen.values.maxCoeff(), 1e-30);
  const Eigen::Index wanted = std::min<Eigen::Index>(static_cast<Eigen::Index>(dims), columns);
  Dense map(columns, wanted);
  for (Eigen::Index c = 0; c < wanted; ++c) {
    const double kept = eigen.values(columns - 1 - c) > cut ? 1.0 : 0.0;
    map.col(c) = kept * eigen.vectors.col(columns - 1 - c);
  }
  apply(basis, map);
  for (std::size_t i = 0; i < a.cols; ++i) std::copy_n(basis[i], basis.cols(), vectors[i]);
  return vectors;
}

}  // namespace tessera
