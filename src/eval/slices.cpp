#include "eval/slices.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

struct Range {
  const char* name;
  std::size_t from, to;  // both included
};

constexpr std::size_t kNoEnd = std::numeric_limits<std::size_t>::max();
constexpr Range kTargetEvents[] = {
    {"cold", 0, 0},
    {"warm", 1, kNoEnd},
    {"target events 0", 0, 0},
    {"target events 1-5", 1, 5},
    {"target events 6-20", 6, 20},
    {"target events 21+", 21, kNoEnd},
};
constexpr Range kHistoryLengths[] = {
    {"history length 0-5", 0, 5},
    {"history length 6-10", 6, 10},
    {"history length 11+", 11, kNoEnd},
};

// Adds a slice for each range that holds users; value(i) belongs to the i-th rank.
template <class Value>
void add_slices(std::span<const Range> ranges, std::span<const Rank> ranks, const Value& value,
                std::vector<Slice>& slices) {
  for (const Range& range : ranges) {
    std::vector<Rank> part;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      const std::size_t v = value(i);
      if (v >= range.from && v <= range.to) part.push_back(ranks[i]);
    }
    if (!part.empty()) slices.push_back({range.name, metrics_of(part)});
  }
}

}  // namespace

std::vector<Slice> slice_metrics(const Dataset& data, Split split, std::span<const Rank> ranks) {
  std::vector<std::size_t> counts(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) ++counts[static_cast<std::size_t>(item)];
  }
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  const auto target_events = [&](std::size_t i) {
    const auto user = static_cast<std::size_t>(users[i]);
    return counts[static_cast<std::size_t>(target_of(data, user, split))];
  };
  std::vector<Slice> slices;
  add_slices(kTargetEvents, ranks, target_events, slices);
  add_slices(
      kHistoryLengths, ranks,
      [&](std::size_t i) {
        return history_before(data, static_cast<std::size_t>(users[i]), split).size();
      },
      slices);
  return slices;
}

nlohmann::json to_json(std::span<const Slice> slices) {
  nlohmann::json json = nlohmann::json::object();
  for (const Slice& slice : slices) {
    json[slice.name] = to_json(slice.metrics);
    json[slice.name]["users"] = slice.metrics.users;
  }
  return json;
}

}  // namespace tessera
