#pragma once
#include <string>

#include "eval/popularity.h"

namespace tessera {

/// A part of the evaluated users.
struct Slice {
  std::string name;
  std::vector<std::uint32_t> users;  ///< places in evaluated_users, ascending
};

/// Slices by the popularity of the target ("cold": without a training event, as a withheld item or
/// one that no training event names; "warm": all others, and these as "head", "middle" and "tail";
/// "target events …"), by the length of the history before it, and, where targets repeat, by
/// whether it stands there already ("repeated target", "new target"), and, where events count
/// differently, by what the target counts ("target weight 3"; where there are more than eight
/// weights, none). Slices without users are left out. `popularity` is that of `data`.
std::vector<Slice> slices_of(const Dataset& data, Split split, const Popularity& popularity);

}  // namespace tessera
