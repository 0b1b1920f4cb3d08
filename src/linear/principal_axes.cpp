#include "linear/principal_axes.h"

#include "kernels/gemm.h"
#include "linear/symmetric_eigen.h"

namespace tessera {

PrincipalAxes principal_axes(std::span<const double> covariance, std::size_t dims) {
  const auto size = static_cast<Eigen::Index>(dims);
  const SymmetricEigen eigen =
      symmetric_eigen(Eigen::Map<const Eigen::MatrixXd>(covariance.data(), size, size));
  PrincipalAxes found{dims, std::vector<double>(dims), std::vector<double>(dims * dims)};
  for (Eigen::Index a = 0; a < size; ++a) {
    const Eigen::Index at = size - 1 - a;  // those are rising
    Eigen::VectorXd axis = eigen.vectors.col(at);
    Eigen::Index largest = 0;
    axis.cwiseAbs().maxCoeff(&largest);
    if (axis(largest) < 0) axis = -axis;
    found.variances[static_cast<std::size_t>(a)] = eigen.values(at);
    Eigen::Map<Eigen::VectorXd>(found.rows.data() + a * size, size) = axis;
  }
  return found;
}

PrincipalAxes principal_axes_of(const Matrix& rows) {
  const std::size_t dims = rows.cols();
  std::vector<double> mean(dims);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t d = 0; d < dims; ++d) mean[d] += rows[i][d];
  }
  Matrix centred = rows.clone();
  const auto count = static_cast<double>(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t d = 0; d < dims; ++d) centred[i][d] -= static_cast<float>(mean[d] / count);
  }
  Matrix moments(dims, dims);
  gemm(Transpose::yes, Transpose::no, 1.0F / static_cast<float>(rows.rows()), centred, centred,
       0.0F, moments);
  return principal_axes(std::vector<double>(moments.span().begin(), moments.span().end()), dims);
}

}  // namespace tessera
