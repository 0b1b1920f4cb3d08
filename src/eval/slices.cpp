#include "eval/slices.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

struct Range {
  std::size_t from, to;  // both included
};

constexpr std::size_t kNoEnd = std::numeric_limits<std::size_t>::max();
constexpr std::array<Range, 4> kTargetEvents = {{{0, 0}, {1, 5}, {6, 20}, {21, kNoEnd}}};
constexpr std::array<Range, 3> kHistoryLengths = {{{0, 5}, {6, 10}, {11, kNoEnd}}};

std::string name_of(const char* what, Range range) {
  if (range.to == kNoEnd) return fmt::format("{} {}+", what, range.from);
  if (range.from == range.to) return fmt::format("{} {}", what, range.from);
  return fmt::format("{} {}-{}", what, range.from, range.to);
}

// Adds a slice for each range that holds users; value(i) belongs to the i-th rank.
template <class Value>
void add_slices(const char* what, std::span<const Range> ranges, std::span<const Rank> ranks,
                const Value& value, std::vector<Slice>& slices) {
  for (const Range range : ranges) {
    std::vector<Rank> part;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      const std::size_t v = value(i);
      if (v >= range.from && v <= range.to) part.push_back(ranks[i]);
    }
    if (!part.empty()) slices.push_back({name_of(what, range), metrics_of(part)});
  }
}

}  // namespace

std::vector<Slice> slice_metrics(const Dataset& data, Split split, std::span<const Rank> ranks) {
  std::vector<std::size_t> counts(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) ++counts[static_cast<std::size_t>(item)];
  }
  const std::vector<std::int32_t> users = evaluated_users(data);
  std::vector<Slice> slices;
  add_slices(
      "target events", kTargetEvents, ranks,
      [&](std::size_t i) {
        const auto user = static_cast<std::size_t>(users[i]);
        return counts[static_cast<std::size_t>(target_of(data, user, split))];
      },
      slices);
  add_slices(
      "history length", kHistoryLengths, ranks,
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
