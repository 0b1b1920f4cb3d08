#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "base/matrix.h"

namespace tessera {

/// Directions in which vectors differ most, the first one most.
struct PrincipalAxes {
  std::size_t dims = 0;
  std::vector<double> variances;  ///< [dims], falling
  std::vector<double> rows;       ///< [dims, dims]; row a is axis a, of length 1

  std::span<const double> axis(std::size_t a) const { return {rows.data() + a * dims, dims}; }
};

/// The principal axes behind a symmetric matrix [dims, dims], such as a covariance. An axis has no
/// sign of its own: its largest component is positive here, so that everyone finds the same ones.
PrincipalAxes principal_axes(std::span<const double> covariance, std::size_t dims);

/// The principal axes of rows [n, dims], n ≥ 1, about their mean.
PrincipalAxes principal_axes_of(const Matrix& rows);

}  // namespace tessera
