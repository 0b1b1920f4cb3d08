#include "engine/plane.h"

#include <Eigen/Core>

#include "linear/principal_axes.h"

namespace tessera {

std::array<float, 2> Plane::place(std::span<const float> point) const {
  std::array<float, 2> place{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    double sum = 0.0;
    for (std::size_t c = 0; c < point.size(); ++c) {
      sum += (double{point[c]} - mean[c]) * axes[axis][c];
    }
    place[axis] = static_cast<float>(sum);
  }
  return place;
}

Plane principal_plane(MatrixView<const float> points) {
  const std::size_t dims = points.cols;
  Plane plane;
  plane.mean.assign(dims, 0.0);
  for (std::vector<double>& axis : plane.axes) axis.assign(dims, 0.0);
  if (points.rows == 0 || dims == 0) return plane;
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Rows, 0, Eigen::OuterStride<>> all(
      points.data, static_cast<Eigen::Index>(points.rows), static_cast<Eigen::Index>(dims),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(points.stride)));
  const Eigen::VectorXd mean = all.cast<double>().colwise().mean();
  Eigen::MatrixXd covariance =
      Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(dims), static_cast<Eigen::Index>(dims));
  for (Eigen::Index row = 0; row < all.rows(); ++row) {
    const Eigen::VectorXd centred = all.row(row).cast<double>().transpose() - mean;
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(centred);
  }
  covariance.triangularView<Eigen::StrictlyUpper>() = covariance.transpose();
  for (std::size_t c = 0; c < dims; ++c) plane.mean[c] = mean(static_cast<Eigen::Index>(c));
  const PrincipalAxes found =
      principal_axes({covariance.data(), static_cast<std::size_t>(covariance.size())}, dims);
  for (std::size_t a = 0; a < std::min<std::size_t>(2, dims); ++a) {
    plane.axes[a].assign(found.axis(a).begin(), found.axis(a).end());
  }
  return plane;
}

}  // namespace tessera
