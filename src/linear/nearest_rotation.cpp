#include "linear/nearest_rotation.h"

#include <algorithm>
#include <cmath>

#include "linear/symmetric_eigen.h"

namespace tessera {
namespace {

// Of the largest singular value: below the first, M v is too short to say its direction by, below
// the second its direction is no longer at right angles to the others by itself.
constexpr double kNothing = 1e-7, kDoubtful = 1e-3;

// Takes out of `column` what lies along the columns before it; its length then.
double leave_right_angles(const Eigen::MatrixXd& columns, Eigen::Index before,
                          Eigen::VectorXd& column) {
  for (int pass = 0; pass < 2; ++pass) {  // the second removes what rounding left of the first
    const auto earlier = columns.leftCols(before);
    const Eigen::VectorXd along = earlier.transpose() * column;
    column -= earlier * along;
  }
  return column.norm();
}

}  // namespace

// M = U S Vᵀ, R = U Vᵀ: V are the eigenvectors of Mᵀ M, and U what M makes of them. Where M has no
// more to say U goes on with any columns at right angles.
Eigen::MatrixXd nearest_rotation(const Eigen::MatrixXd& matrix) {
  const Eigen::Index n = matrix.rows();
  const Eigen::MatrixXd v =
      symmetric_eigen(matrix.transpose() * matrix).vectors.rowwise().reverse();
  const Eigen::MatrixXd image = matrix * v;
  Eigen::MatrixXd u(n, n);
  Eigen::Index next = 0;  // unit vector to go on with
  for (Eigen::Index i = 0; i < n; ++i) {
    const double scale = image.col(0).norm(), length = image.col(i).norm();
    Eigen::VectorXd column = image.col(i);
    bool found = length > kNothing * scale && length > 0.0;
    if (found) {
      column /= length;
      if (length < kDoubtful * scale) found = leave_right_angles(u, i, column) > 0.5;
    }
    // Of all unit vectors one at least keeps 1/√n of its length: the columns so far are fewer.
    while (!found) {
      column = Eigen::VectorXd::Unit(n, next++ % n);
      found = leave_right_angles(u, i, column) > 0.5 / std::sqrt(static_cast<double>(n));
    }
    u.col(i) = column.normalized();
  }
  return u * v.transpose();
}

}  // namespace tessera
