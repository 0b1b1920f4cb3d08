#pragma once
#include <Eigen/Core>

namespace tessera {

/// M = vectors · diag(values) · vectorsᵀ.
struct SymmetricEigen {
  Eigen::VectorXd values;   ///< [n], rising
  Eigen::MatrixXd vectors;  ///< [n, n], orthonormal columns
};

/// Eigenvalues and eigenvectors of a symmetric matrix [n, n], of which the lower triangle is read.
SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& matrix);

}  // namespace tessera
