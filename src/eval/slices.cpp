#include "eval/slices.h"

#include <fmt/format.h>

#include <map>

namespace tessera {
namespace {

/// What a slice goes by.
struct Case {
  PopularityGroup group;
  std::size_t target_events;
  std::size_t history;
  bool repeated;
};

constexpr bool within(std::size_t value, std::size_t from, std::size_t to) {
  return value >= from && value <= to;
}

struct SliceRule {
  const char* name;
  bool (*holds)(const Case&);
};

constexpr SliceRule kRules[] = {
    {"cold", [](const Case& c) { return c.group == PopularityGroup::cold; }},
    {"warm", [](const Case& c) { return c.group != PopularityGroup::cold; }},
    {"head", [](const Case& c) { return c.group == PopularityGroup::head; }},
    {"middle", [](const Case& c) { return c.group == PopularityGroup::middle; }},
    {"tail", [](const Case& c) { return c.group == PopularityGroup::tail; }},
    {"target events 0", [](const Case& c) { return c.target_events == 0; }},
    {"target events 1-5", [](const Case& c) { return within(c.target_events, 1, 5); }},
    {"target events 6-20", [](const Case& c) { return within(c.target_events, 6, 20); }},
    {"target events 21+", [](const Case& c) { return c.target_events >= 21; }},
    {"history length 0-5", [](const Case& c) { return c.history <= 5; }},
    {"history length 6-10", [](const Case& c) { return within(c.history, 6, 10); }},
    {"history length 11+", [](const Case& c) { return c.history >= 11; }},
    {"repeated target", [](const Case& c) { return c.repeated; }},
    {"new target", [](const Case& c) { return !c.repeated; }},
};

// One a weight, unless there are too many to look at.
std::vector<Slice> slices_by_weight(const Dataset& data, Split split,
                                    std::span<const std::int32_t> users) {
  constexpr std::size_t kMostWeights = 8;
  if (data.weights.empty()) return {};
  std::map<float, std::vector<std::uint32_t>> places;
  for (std::uint32_t place = 0; place < users.size(); ++place) {
    const auto user = static_cast<std::size_t>(users[place]);
    places[target_weight(data, user, split)].push_back(place);
  }
  if (places.size() > kMostWeights) return {};
  std::vector<Slice> slices;
  for (auto& [weight, those] : places) {
    slices.push_back({fmt::format("target weight {}", weight), std::move(those)});
  }
  return slices;
}

}  // namespace

std::vector<Slice> slices_of(const Dataset& data, Split split, const Popularity& popularity) {
  std::vector<Slice> slices;
  for (const SliceRule& rule : kRules) slices.push_back({rule.name, {}});
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  std::uint32_t place = 0;
  for (const std::int32_t evaluated : users) {
    const auto user = static_cast<std::size_t>(evaluated);
    const auto target = static_cast<std::size_t>(target_of(data, user, split));
    const Case c{popularity.groups[target], popularity.events[target],
                 history_before(data, user, split).size(), target_repeats(data, user, split)};
    for (std::size_t s = 0; s < slices.size(); ++s) {
      if (kRules[s].holds(c)) slices[s].users.push_back(place);
    }
    ++place;
  }
  // A slice of nobody, or "new target" where none repeats, says nothing.
  std::erase_if(slices, [&](const Slice& slice) {
    return slice.users.empty() || (slice.name == "new target" && slice.users.size() == place);
  });
  std::ranges::move(slices_by_weight(data, split, users), std::back_inserter(slices));
  return slices;
}

}  // namespace tessera
