#include "text/svd.h"

#include <gtest/gtest.h>

#include <Spectra/SymEigsSolver.h>
#include <Eigen/SVD>
#include <cmath>
#include <cstring>

#include "base/random.h"

namespace tessera {
namespace {

SparseMatrix sparse(const Eigen::MatrixXd& dense) {
  SparseMatrix matrix;
  matrix.rows = static_cast<std::size_t>(dense.rows());
  matrix.cols = static_cast<std::size_t>(dense.cols());
  for (Eigen::Index i = 0; i < dense.rows(); ++i) {
    for (Eigen::Index j = 0; j < dense.cols(); ++j) {
      if (dense(i, j) == 0.0) continue;
      matrix.columns.push_back(static_cast<std::int32_t>(j));
      matrix.values.push_back(static_cast<float>(dense(i, j)));
    }
    matrix.offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
  }
  return matrix;
}

Eigen::MatrixXd dense(MatrixView<const float> view) {
  Eigen::MatrixXd matrix(static_cast<Eigen::Index>(view.rows),
                         static_cast<Eigen::Index>(view.cols));
  for (std::size_t i = 0; i < view.rows; ++i) {
    for (std::size_t j = 0; j < view.cols; ++j) {
      matrix(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = view[i][j];
    }
  }
  return matrix;
}

Eigen::MatrixXd random_dense(Eigen::Index rows, Eigen::Index cols, std::uint64_t seed,
                             double filled = 1.0) {
  Random random(seed);
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(rows, cols);
  for (Eigen::Index i = 0; i < rows; ++i) {
    for (Eigen::Index j = 0; j < cols; ++j) {
      if (random.uniform() < filled) matrix(i, j) = random.normal();
    }
  }
  return matrix;
}

// A matrix with the singular values 1, decay, decay², …
Eigen::MatrixXd decaying(Eigen::Index rows, Eigen::Index cols, double decay, std::uint64_t seed) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(random_dense(rows, cols, seed),
                                              Eigen::ComputeThinU | Eigen::ComputeThinV);
  Eigen::VectorXd values(std::min(rows, cols));
  for (Eigen::Index i = 0; i < values.size(); ++i)
    values(i) = std::pow(decay, static_cast<double>(i));
  return svd.matrixU() * values.asDiagonal() * svd.matrixV().transpose();
}

void expect_orthonormal(const Eigen::MatrixXd& v) {
  const Eigen::MatrixXd gram = v.transpose() * v;
  EXPECT_LT((gram - Eigen::MatrixXd::Identity(gram.rows(), gram.cols())).cwiseAbs().maxCoeff(),
            1e-4);
}

TEST(SparseMultiply, EqualsTheDenseProduct) {
  const Eigen::MatrixXd a = random_dense(37, 23, 1, 0.2);
  Matrix b(23, 5);
  Random random(2);
  for (float& value : b.span()) value = static_cast<float>(random.normal());
  Matrix c(37, 5);
  std::ranges::fill(c.span(), 7.0F);  // must be overwritten, in empty rows too
  multiply(sparse(a), b, c);
  EXPECT_LT((dense(c) - a * dense(b)).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(RightSingularVectors, EqualEigensUpToSign) {
  for (const auto& [rows, cols] : {std::pair{50, 31}, {31, 50}, {40, 40}}) {
    const Eigen::MatrixXd a = decaying(rows, cols, 0.7, 11);
    const Eigen::MatrixXd v = dense(right_singular_vectors(sparse(a), 8, 1));
    const Eigen::JacobiSVD<Eigen::MatrixXd> exact(a, Eigen::ComputeThinV);
    ASSERT_EQ(v.rows(), cols);
    ASSERT_EQ(v.cols(), 8);
    expect_orthonormal(v);
    for (Eigen::Index c = 0; c < 8; ++c) {
      EXPECT_GT(std::abs(v.col(c).dot(exact.matrixV().col(c))), 0.999) << c;
      EXPECT_NEAR((a * v.col(c)).norm(), exact.singularValues()(c), 1e-3) << c;
    }
  }
}

TEST(RightSingularVectors, CaptureTheEnergyThatSpectraFinds) {
  const Eigen::MatrixXd a = random_dense(400, 300, 5, 0.05);  // a flat spectrum: the hard case
  constexpr Eigen::Index kDims = 30;
  const Eigen::MatrixXd gram = a.transpose() * a;
  Spectra::DenseSymMatProd<double> product(gram);
  Spectra::SymEigsSolver<Spectra::DenseSymMatProd<double>> solver(product, kDims, 2 * kDims);
  solver.init();
  ASSERT_EQ(solver.compute(Spectra::SortRule::LargestAlge), kDims);
  const double exact = solver.eigenvalues().sum();

  const Eigen::MatrixXd v = dense(right_singular_vectors(sparse(a), kDims, 1));
  expect_orthonormal(v);
  const double captured = (a * v).squaredNorm();
  EXPECT_GT(captured, 0.98 * exact);
  EXPECT_LE(captured, 1.0001 * exact);
  const double more = (a * dense(right_singular_vectors(sparse(a), kDims, 1, 20))).squaredNorm();
  EXPECT_GT(more, 0.9999 * exact);
}

TEST(RightSingularVectors, ComeByDecreasingSingularValue) {
  const Eigen::MatrixXd a = random_dense(60, 45, 6, 0.3);
  const Eigen::MatrixXd projected = a * dense(right_singular_vectors(sparse(a), 12, 4));
  for (Eigen::Index c = 1; c < 12; ++c) {
    EXPECT_GE(projected.col(c - 1).norm(), projected.col(c).norm() * 0.9999) << c;
  }
}

TEST(RightSingularVectors, BeyondTheRankAreZero) {
  for (const Eigen::Index rank : {1, 3, 7}) {
    const Eigen::MatrixXd a = random_dense(50, rank, 7) * random_dense(rank, 40, 8);
    const Eigen::MatrixXd v = dense(right_singular_vectors(sparse(a), 10, 1));
    expect_orthonormal(v.leftCols(rank));
    EXPECT_NEAR((a * v.leftCols(rank)).squaredNorm() / a.squaredNorm(), 1.0, 1e-4) << rank;
    EXPECT_EQ(v.rightCols(10 - rank).cwiseAbs().maxCoeff(), 0.0) << rank;
  }
}

TEST(RightSingularVectors, BeyondTheShapeAreZero) {
  for (const auto& [rows, cols] : {std::pair{3, 20}, {20, 3}, {1, 1}}) {
    const Eigen::MatrixXd a = random_dense(rows, cols, 9);
    const Eigen::MatrixXd v = dense(right_singular_vectors(sparse(a), 6, 1));
    const Eigen::Index rank = std::min(rows, cols);
    ASSERT_EQ(v.cols(), 6);
    expect_orthonormal(v.leftCols(rank));
    EXPECT_NEAR((a * v).squaredNorm() / a.squaredNorm(), 1.0, 1e-4);
    EXPECT_EQ(v.rightCols(6 - rank).cwiseAbs().maxCoeff(), 0.0);
  }
}

TEST(RightSingularVectors, OfNothingAreZero) {
  const Eigen::MatrixXd zero = Eigen::MatrixXd::Zero(5, 4);
  EXPECT_EQ(dense(right_singular_vectors(sparse(zero), 3, 1)).cwiseAbs().maxCoeff(), 0.0);
  const Matrix no_rows = right_singular_vectors(sparse(Eigen::MatrixXd::Zero(0, 4)), 3, 1);
  EXPECT_EQ(no_rows.rows(), 4U);
  EXPECT_EQ(dense(no_rows).cwiseAbs().maxCoeff(), 0.0);
  EXPECT_EQ(right_singular_vectors(sparse(Eigen::MatrixXd::Zero(4, 0)), 3, 1).size(), 0U);
}

TEST(RightSingularVectors, DependOnTheSeedAlone) {
  const SparseMatrix a = sparse(random_dense(120, 90, 10, 0.1));
  const Matrix first = right_singular_vectors(a, 16, 5);
  const Matrix again = right_singular_vectors(a, 16, 5);
  const Matrix other = right_singular_vectors(a, 16, 6);
  EXPECT_EQ(std::memcmp(first.span().data(), again.span().data(), first.size() * sizeof(float)), 0);
  EXPECT_NE(std::memcmp(first.span().data(), other.span().data(), first.size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace tessera
