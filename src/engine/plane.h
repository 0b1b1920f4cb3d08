#pragma once
#include <array>
#include <span>
#include <vector>

#include "base/matrix.h"

namespace tessera {

/// The plane in which points differ most: their mean and first two principal axes.
struct Plane {
  std::vector<double> mean;                 ///< [dims]
  std::array<std::vector<double>, 2> axes;  ///< unit vectors [dims]; the largest component positive

  /// Coordinates of a point [dims] in the plane.
  std::array<float, 2> place(std::span<const float> point) const;
};

/// The principal plane of points [points, dims] (eigenvectors of their covariance).
Plane principal_plane(MatrixView<const float> points);

}  // namespace tessera
