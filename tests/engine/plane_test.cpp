#include "engine/plane.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace tessera {
namespace {

TEST(PrincipalPlane, IsTheOneInWhichThePointsWereSpread) {
  // Points along u with deviation 5 and v with 2, both in oblique directions, and a little noise.
  const double u[] = {0.6, 0.0, 0.8, 0.0};
  const double v[] = {0.0, 1.0, 0.0, 0.0};
  Matrix points(2000, 4);
  Random random(3);
  for (std::size_t i = 0; i < points.rows(); ++i) {
    const double a = 5.0 * random.normal(), b = 2.0 * random.normal();
    for (std::size_t c = 0; c < 4; ++c) {
      points[i][c] = static_cast<float>(7.0 + a * u[c] + b * v[c] + 0.01 * random.normal());
    }
  }
  const Plane plane = principal_plane(points);
  double along_u = 0.0, along_v = 0.0;
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(plane.mean[c], 7.0, 0.5);
    along_u += plane.axes[0][c] * u[c];
    along_v += plane.axes[1][c] * v[c];
  }
  EXPECT_NEAR(along_u, 1.0, 1e-3);
  EXPECT_NEAR(along_v, 1.0, 1e-3);
  const auto place = plane.place(points.view().row(0));
  double x = 0.0;
  for (std::size_t c = 0; c < 4; ++c) x += (points[0][c] - plane.mean[c]) * plane.axes[0][c];
  EXPECT_NEAR(place[0], x, 1e-5);
}

TEST(PrincipalPlane, OfFewPointsAndDimsIsFinite) {
  for (const std::size_t rows : {0U, 1U, 2U}) {
    for (const std::size_t dims : {1U, 3U}) {
      Matrix points(rows, dims);
      for (float& x : points.span()) x = 2.0F;
      const Plane plane = principal_plane(points);
      const std::vector<float> point(dims, 1.0F);
      for (const float x : plane.place(point)) EXPECT_TRUE(std::isfinite(x));
    }
  }
}

}  // namespace
}  // namespace tessera
