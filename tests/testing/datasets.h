#pragma once
#include <vector>

#include "base/error.h"
#include "data/dataset.h"

namespace tessera::testing {

/// A dataset of users u0, u1, … with these histories over items i0, i1, …
inline Dataset dataset_of(const std::vector<std::vector<std::int32_t>>& histories,
                          std::size_t items) {
  Dataset data;
  data.name = "small";
  for (std::size_t i = 0; i < items; ++i) {
    data.items.push_back({fmt::format("i{}", i), fmt::format("title {}", i), ""});
  }
  for (const auto& history : histories) {
    data.user_ids.push_back(fmt::format("u{}", data.users()));
    data.events.insert(data.events.end(), history.begin(), history.end());
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  return data;
}

inline std::vector<std::int32_t> as_items(std::span<const std::int32_t> items) {
  return {items.begin(), items.end()};
}

}  // namespace tessera::testing
