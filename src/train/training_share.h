#pragma once
#include "ranks/ranks.h"

namespace tessera {

/// What one of the ranks trains on: its own users, and its own items (ranks/placement.h).
struct TrainingShare {
  const Ranks& ranks = kAlone;
  /// What the users here are called in the whole dataset, ascending; empty: as here.
  std::span<const std::int32_t> users = {};

  std::int32_t number(std::int32_t user) const {
    return users.empty() ? user : users[static_cast<std::size_t>(user)];
  }
};

}  // namespace tessera
