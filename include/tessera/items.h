#pragma once
#include <cstdint>
#include <span>

namespace tessera {

/// A history of item numbers, oldest first.
using History = std::span<const std::int32_t>;

/// An item by its number, and the score it was chosen for.
struct ScoredItem {
  std::int32_t item;
  float score;
};

}  // namespace tessera
