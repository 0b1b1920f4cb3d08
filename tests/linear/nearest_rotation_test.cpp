#include "linear/nearest_rotation.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace tessera {
namespace {

Eigen::MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  Random random(seed);
  Eigen::MatrixXd matrix(rows, columns);
  for (Eigen::Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = random.normal();
  return matrix;
}

// R is the best if and only if Rᵀ M is symmetric and nowhere negative (Higham 2008, theorem 8.6).
void expect_best(const Eigen::MatrixXd& matrix) {
  const Eigen::Index n = matrix.rows();
  const Eigen::MatrixXd rotation = nearest_rotation(matrix);
  EXPECT_LT((rotation.transpose() * rotation - Eigen::MatrixXd::Identity(n, n)).norm(), 1e-9);
  const Eigen::MatrixXd stretch = rotation.transpose() * matrix;
  const double scale = matrix.norm();
  EXPECT_LE((stretch - stretch.transpose()).norm(), 1e-6 * scale);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Eigen::VectorXd x = random_matrix(n, 1, seed).normalized();
    EXPECT_GE(x.dot(stretch * x), -1e-6 * scale);
  }
}

TEST(NearestRotation, IsTheBestOfAMatrixOfFullRank) { expect_best(random_matrix(12, 12, 1)); }

TEST(NearestRotation, FindsTheRotationThatMadeTheMatrix) {
  const Eigen::MatrixXd rotation = nearest_rotation(random_matrix(9, 9, 2));
  const Eigen::MatrixXd rows = random_matrix(40, 9, 3);
  const Eigen::MatrixXd found = nearest_rotation(rows.transpose() * (rows * rotation));
  EXPECT_LT((found - rotation).norm(), 1e-9);
}

TEST(NearestRotation, IsARotationWhereTheMatrixSaysLittleOrNothing) {
  expect_best(random_matrix(12, 3, 4) * random_matrix(3, 12, 5));
  expect_best(Eigen::MatrixXd::Zero(6, 6));
  Eigen::MatrixXd one = Eigen::MatrixXd::Zero(5, 5);
  one(2, 4) = -3.0;
  expect_best(one);
}

TEST(NearestRotation, IsTheBestWhereSingularValuesAreFarApart) {
  Eigen::VectorXd values(8);
  values << 1.0, 1e-2, 1e-4, 1e-5, 1e-6, 1e-8, 1e-12, 0.0;
  const Eigen::MatrixXd left = nearest_rotation(random_matrix(8, 8, 6));
  const Eigen::MatrixXd right = nearest_rotation(random_matrix(8, 8, 7));
  expect_best(left * values.asDiagonal() * right);
}

}  // namespace
}  // namespace tessera
