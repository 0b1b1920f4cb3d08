#include "eval/popularity.h"

#include <algorithm>

namespace tessera {
namespace {

// The events of the item at which items in this order have taken a fifth of all.
std::uint32_t fifth(const auto& ordered, std::uint64_t total) {
  std::uint64_t taken = 0;
  for (const std::uint32_t events : ordered) {
    taken += events;
    if (5 * taken >= total) return events;
  }
  return 0;
}

}  // namespace

Popularity training_popularity(const Dataset& data) {
  Popularity popularity;
  popularity.events.resize(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) {
      ++popularity.events[static_cast<std::size_t>(item)];
      ++popularity.total;
    }
  }
  std::vector<std::uint32_t> ordered = popularity.events;
  std::erase(ordered, 0U);
  std::ranges::sort(ordered, std::greater());
  const std::uint32_t head = fifth(ordered, popularity.total);
  std::ranges::reverse(ordered);
  const std::uint32_t tail = fifth(ordered, popularity.total);
  popularity.groups.reserve(popularity.events.size());
  for (const std::uint32_t events : popularity.events) {
    popularity.groups.push_back(events == 0      ? PopularityGroup::cold
                                : events >= head ? PopularityGroup::head
                                : events <= tail ? PopularityGroup::tail
                                                 : PopularityGroup::middle);
  }
  return popularity;
}

}  // namespace tessera
