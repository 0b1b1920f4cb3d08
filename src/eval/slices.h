#pragma once
#include <string>

#include "data/dataset.h"
#include "eval/metrics.h"

namespace tessera {

/// Metrics of a part of the users.
struct Slice {
  std::string name;
  Metrics metrics;
};

/// Slices by how often the target stands in training ("cold": never, as a withheld item or one that
/// no training event names; "warm": all others) and by the length of the history before it; slices
/// without users are left out. `ranks` in the order of evaluated_users.
std::vector<Slice> slice_metrics(const Dataset& data, Split split, std::span<const Rank> ranks);

/// Name → metrics with "users".
nlohmann::json to_json(std::span<const Slice> slices);

}  // namespace tessera
