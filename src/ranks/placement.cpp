#include "ranks/placement.h"

#include <algorithm>

namespace tessera {

ItemsByRank by_rank(std::span<const std::int32_t> items, std::size_t ranks, StepArena& arena) {
  ItemsByRank result{arena.take<std::size_t>(ranks), arena.take<std::int32_t>(items.size()),
                     arena.take<std::int32_t>(items.size())};
  const auto rank_of = [&](std::int32_t item) {
    return rank_of_item(static_cast<std::size_t>(item), ranks);
  };
  std::ranges::fill(result.counts, 0);
  for (const std::int32_t item : items) ++result.counts[rank_of(item)];
  const auto next = arena.take<std::size_t>(ranks);
  for (std::size_t r = 0, sum = 0; r < ranks; sum += result.counts[r++]) next[r] = sum;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t to = next[rank_of(items[i])]++;
    result.order[to] = static_cast<std::int32_t>(i);
    result.at[i] = static_cast<std::int32_t>(to);
  }
  return result;
}

MatrixView<const float> exchange_rows(const Ranks& ranks, MatrixView<const float> from,
                                      std::span<const std::size_t> counts,
                                      std::span<const std::size_t> expected, StepArena& arena) {
  const auto floats = [&](std::span<const std::size_t> rows) {
    const auto sizes = arena.take<std::size_t>(rows.size());
    std::ranges::transform(rows, sizes.begin(), [&](std::size_t n) { return n * from.cols; });
    return sizes;
  };
  const auto parts = parts_by_rank<float>(std::span(from.data, from.size()), floats(counts), arena);
  const auto received = all_to_all<float>(ranks, parts, floats(expected), arena).all;
  return {received.data(), received.size() / from.cols, from.cols};
}

std::span<const std::byte> in_order_of_items(std::span<const std::span<const std::byte>> parts,
                                             std::size_t row, StepArena& arena) {
  if (parts.size() == 1) return parts[0];
  std::size_t total = 0;
  for (const auto& part : parts) total += part.size();
  const std::span<std::byte> rows = arena.take<std::byte>(total);
  auto at = rows.begin();
  for (std::size_t from = 0; from < parts[0].size(); from += row) {
    for (const auto& part : parts) {
      if (from < part.size()) at = std::ranges::copy(part.subspan(from, row), at).out;
    }
  }
  return rows;
}

}  // namespace tessera
