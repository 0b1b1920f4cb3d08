#pragma once
#include "base/matrix.h"

namespace tessera {

/// Nodes of a search tree, each around some points. A point has an interval of the node along each
/// of the first axes, lies in a ball of the node along the next ones, and is no longer than `rest`
/// along all others.
struct Nodes {
  std::size_t box_axes = 0, ball_axes = 0;
  MatrixView<const float> rows;  ///< [2 · box axes + ball axes + 2, nodes]

  // The rows: low and high sides, then centres, radii, rests.
  static std::size_t row_count(std::size_t box_axes, std::size_t ball_axes) {
    return 2 * box_axes + ball_axes + 2;
  }
};

/// A direction to look at nodes along: its components, and its length along the balls' axes and
/// along the rest.
struct NodeQuery {
  std::span<const float> box, ball;
  float ball_length = 0, rest_length = 0;
};

/// bounds[i]: the largest inner product of the query with any point that node i may have.
/// centres[i]: the inner product with the middle of its box and the centre of its ball.
/// Both up to rounding. `bounds`, `centres` [nodes].
void node_bounds(const Nodes& nodes, const NodeQuery& query, std::span<float> bounds,
                 std::span<float> centres);

}  // namespace tessera
