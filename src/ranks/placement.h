#pragma once
#include <algorithm>
#include <cstdint>

#include "base/matrix.h"
#include "ranks/ranks.h"

namespace tessera {

/// Which rank holds an item's row in the tables and computes its vector. Item numbers are a random
/// permutation, so that a remainder spreads what is popular.
inline std::size_t rank_of_item(std::size_t item, std::size_t ranks) { return item % ranks; }
/// Its row in that rank's tables.
inline std::size_t row_of_item(std::size_t item, std::size_t ranks) { return item / ranks; }
/// How many rows a rank holds of a catalogue.
inline std::size_t rows_of_rank(std::size_t items, std::size_t rank, std::size_t ranks) {
  return (items + ranks - 1 - rank) / ranks;
}
/// The items whose rows a rank holds.
inline RowSelection rows_held(const Ranks& ranks) {
  return {.first = ranks.rank, .step = ranks.size};
}

/// Items in the order of the ranks that they belong to.
struct ItemsByRank {
  std::span<std::size_t> counts;  ///< [ranks]
  std::span<std::int32_t> order;  ///< [items]: which of them comes where …
  std::span<std::int32_t> at;     ///< [items]: … and where each of them came
};
ItemsByRank by_rank(std::span<const std::int32_t> items, std::size_t ranks, StepArena& arena);

/// The parts that belong to each rank of values in the order of ranks.
template <class T>
std::span<std::span<const T>> parts_by_rank(std::span<const T> sorted,
                                            std::span<const std::size_t> counts, StepArena& arena) {
  const auto parts = arena.take<std::span<const T>>(counts.size());
  std::size_t at = 0;
  for (std::size_t r = 0; r < counts.size(); at += counts[r++]) {
    parts[r] = sorted.subspan(at, counts[r]);
  }
  return parts;
}

/// Rows of `from` in the order of ranks, counts[r] of them for rank r; expected[r] come from it.
MatrixView<const float> exchange_rows(const Ranks& ranks, MatrixView<const float> from,
                                      std::span<const std::size_t> counts,
                                      std::span<const std::size_t> expected, StepArena& arena);

/// From rank 0's rows of all items [items, width], to those of this rank's.
template <class T>
std::span<const T> scatter_rows(const Ranks& ranks, std::span<const T> all, std::size_t width,
                                std::size_t items, StepArena& arena) {
  if (ranks.size == 1) return all;
  const auto parts = arena.take<std::span<const T>>(ranks.size);
  const auto sizes = arena.take<std::size_t>(ranks.size);
  for (std::size_t r = 0; r < ranks.size; ++r) {
    sizes[r] = r == 0 ? rows_of_rank(items, ranks.rank, ranks.size) * width : 0;
    const auto rows = arena.take<T>(ranks.first() ? rows_of_rank(items, r, ranks.size) * width : 0);
    for (std::size_t at = 0; at < rows.size(); at += width) {
      const std::size_t item = r + at / width * ranks.size;
      std::ranges::copy(all.subspan(item * width, width), rows.subspan(at, width).begin());
    }
    parts[r] = rows;
  }
  return all_to_all<T>(ranks, parts, sizes, arena).all;
}

/// The rows of a table in the order of items, out of the parts that the ranks hold of consecutive
/// rows, `row` bytes each. One part is all.
std::span<const std::byte> in_order_of_items(std::span<const std::span<const std::byte>> parts,
                                             std::size_t row, StepArena& arena);

}  // namespace tessera
