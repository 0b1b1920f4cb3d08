#pragma once
#include <cstdint>

#include "base/ranks.h"

namespace tessera {

/// What one of several ranks trains on: its own users, and its own items (rank_of_item). Empty in a
/// process alone.
struct TrainingShare {
  const Ranks* ranks = nullptr;
  std::span<const std::int32_t> users;  ///< what the users here are called in the whole, ascending

  bool several() const { return ranks != nullptr && !ranks->alone(); }
};

/// Which rank holds an item's row in the tables and computes its vector. Item numbers are a random
/// permutation, so that a remainder spreads what is popular.
inline std::size_t rank_of_item(std::size_t item, std::size_t ranks) { return item % ranks; }
/// Its row in that rank's tables.
inline std::size_t row_of_item(std::size_t item, std::size_t ranks) { return item / ranks; }
/// How many rows a rank holds of a catalogue.
inline std::size_t rows_of_rank(std::size_t items, std::size_t rank, std::size_t ranks) {
  return (items + ranks - 1 - rank) / ranks;
}

}  // namespace tessera
