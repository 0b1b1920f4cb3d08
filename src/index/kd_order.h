#pragma once
#include <cstdint>
#include <vector>

#include "index/scoring_tables.h"

namespace tessera {

/// An order of the rows of `ids` [n, ID dims] in which consecutive ones are alike, first in every
/// `block` of them and then in every `group` of a block: the leaves of a k-d tree (Bentley 1975)
/// over their coordinates along the tables' axes, each times its weight; a node is split where its
/// items differ most. `block` is a multiple of `group`.
std::vector<std::uint32_t> kd_order(const ScoringTables& tables, MatrixView<const float> ids,
                                    std::size_t block, std::size_t group);

}  // namespace tessera
