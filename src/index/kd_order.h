#pragma once
#include <cstdint>
#include <vector>

#include "base/matrix.h"

namespace tessera {

/// The rows of `places` [items, axes] in the order of a k-d tree (Bentley 1975): each node is cut
/// along the axis in which its items differ most. Every `leaf` rows in succession are one leaf, and
/// every `branch` rows, a multiple of `leaf`, one subtree.
std::vector<std::uint32_t> kd_order(MatrixView<const float> places, std::size_t branch,
                                    std::size_t leaf);

}  // namespace tessera
