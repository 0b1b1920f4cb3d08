#pragma once
#include <Eigen/Core>

namespace tessera {

/// The orthogonal R [n, n] with the largest trace of Rᵀ M, which turns x nearest to z where
/// M = xᵀ z: orthogonal Procrustes (Schönemann 1966). Any rank; of equally good ones some one.
Eigen::MatrixXd nearest_rotation(const Eigen::MatrixXd& matrix);

}  // namespace tessera
