#include "data/histories.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"

namespace tessera {
namespace {

constexpr std::int64_t kBeforeAll = std::numeric_limits<std::int64_t>::min();

constexpr std::size_t kUsersAtOnce = 1024;

// Moves the column's values to their places and lets the old column go.
template <class T>
std::vector<T> scattered(std::vector<T>& column, const std::vector<std::uint32_t>& places) {
  std::vector<T> moved(column.size());
  for (std::size_t e = 0; e < column.size(); ++e) moved[places[e]] = column[e];
  column = {};
  return moved;
}

// Keeps the events with keep(event, length of its history), which is asked in order.
template <class Keep>
std::size_t keep_events(Histories& h, const Keep& keep) {
  std::size_t kept = 0;
  std::size_t begin = 0;
  for (std::size_t u = 0; u < h.users(); ++u) {
    const std::size_t end = h.end(u);
    for (std::size_t e = begin; e < end; ++e) {
      if (!keep(e, end - begin)) continue;
      h.items[kept] = h.items[e];
      if (!h.times.empty()) h.times[kept] = h.times[e];
      if (!h.weights.empty()) h.weights[kept] = h.weights[e];
      ++kept;
    }
    begin = end;
    h.offsets[u + 1] = static_cast<std::int64_t>(kept);
  }
  const std::size_t dropped = h.items.size() - kept;
  h.items.resize(kept);
  if (!h.times.empty()) h.times.resize(kept);
  if (!h.weights.empty()) h.weights.resize(kept);
  return dropped;
}

// Sorts one history by time, if it is not sorted; `keys` and `copy` are scratch.
struct HistorySorter {
  std::vector<std::pair<std::int64_t, std::size_t>> keys;
  Histories copy;

  bool sort(Histories& h, std::size_t begin, std::size_t end) {
    keys.clear();
    std::int64_t known = kBeforeAll;
    for (std::size_t e = begin; e < end; ++e) {
      if (h.times[e] != kUnknownTime) known = h.times[e];
      keys.emplace_back(known, e);
    }
    if (std::ranges::is_sorted(keys)) return false;
    std::ranges::sort(keys);
    const auto reorder = [&](auto& column, auto& scratch) {
      if (column.empty()) return;
      scratch.clear();
      for (const auto& key : keys) scratch.push_back(column[key.second]);
      std::ranges::copy(scratch, column.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    reorder(h.items, copy.items);
    reorder(h.times, copy.times);
    reorder(h.weights, copy.weights);
    return true;
  }
};

// Calls run(events) for a user's events with the same item, in order, for each item of each user.
template <class Run>
void for_equal_items(const Histories& h, const Run& run) {
  std::vector<std::pair<std::int32_t, std::size_t>> sorted;
  std::vector<std::size_t> events;
  for (std::size_t u = 0; u < h.users(); ++u) {
    sorted.clear();
    for (std::size_t e = h.begin(u); e < h.end(u); ++e) sorted.emplace_back(h.items[e], e);
    std::ranges::sort(sorted);
    for (std::size_t i = 0; i < sorted.size();) {
      events.clear();
      const std::int32_t item = sorted[i].first;
      for (; i < sorted.size() && sorted[i].first == item; ++i) events.push_back(sorted[i].second);
      run(std::span<const std::size_t>(events));
    }
  }
}

}  // namespace

Histories group_by_user(EventLog& log) {
  Histories h;
  h.offsets.assign(log.users.size() + 1, 0);
  for (const std::int32_t user : log.user) ++h.offsets[static_cast<std::size_t>(user) + 1];
  std::partial_sum(h.offsets.begin(), h.offsets.end(), h.offsets.begin());
  if (std::ranges::is_sorted(log.user)) {
    h.items = std::move(log.item);
    h.times = std::move(log.time);
    h.weights = std::move(log.weight);
  } else {
    if (log.user.size() > std::numeric_limits<std::uint32_t>::max()) {
      fail("more than 2^32 events: prepare a part of them");
    }
    std::vector<std::int64_t> next(h.offsets.begin(), h.offsets.end() - 1);
    std::vector<std::uint32_t> places(log.user.size());
    for (std::size_t e = 0; e < places.size(); ++e) {
      places[e] = static_cast<std::uint32_t>(next[static_cast<std::size_t>(log.user[e])]++);
    }
    log.user = {};
    h.items = scattered(log.item, places);
    h.times = scattered(log.time, places);
    h.weights = scattered(log.weight, places);
  }
  log.user = {};
  return h;
}

std::size_t order_by_time(Histories& h) {
  if (h.times.empty()) return 0;
  std::vector<char> moved(h.users(), 0);
  parallel_for(h.users(), kUsersAtOnce, [&](std::size_t begin, std::size_t end) {
    HistorySorter sorter;
    for (std::size_t u = begin; u < end; ++u) {
      moved[u] = sorter.sort(h, h.begin(u), h.end(u)) ? 1 : 0;
    }
  });
  return static_cast<std::size_t>(std::ranges::count(moved, 1));
}

std::size_t count_out_of_order(const Histories& h) {
  std::size_t users = 0;
  for (std::size_t u = 0; u < h.users() && !h.times.empty(); ++u) {
    std::int64_t latest = kBeforeAll;
    bool in_order = true;
    for (std::size_t e = h.begin(u); e < h.end(u); ++e) {
      if (h.times[e] == kUnknownTime) continue;
      in_order = in_order && h.times[e] >= latest;
      latest = h.times[e];
    }
    users += in_order ? 0 : 1;
  }
  return users;
}

std::size_t drop_untimed(Histories& h) {
  return keep_events(h, [&](std::size_t e, std::size_t) { return h.times[e] != kUnknownTime; });
}

std::size_t drop_weak(Histories& h, double least) {
  std::vector<char> keep(h.items.size(), 1);
  for_equal_items(h, [&](std::span<const std::size_t> events) {
    double sum = 0;
    for (const std::size_t e : events) sum += double{h.weights[e]};
    if (sum < least) {
      for (const std::size_t e : events) keep[e] = 0;
    }
  });
  return keep_events(h, [&](std::size_t e, std::size_t) { return keep[e] != 0; });
}

std::size_t drop_duplicates(Histories& h, Duplicates policy) {
  if (policy == Duplicates::keep) return 0;
  std::vector<char> keep(h.items.size(), 1);
  for_equal_items(h, [&](std::span<const std::size_t> events) {
    std::size_t kept = policy == Duplicates::last ? events.back() : events.front();
    for (std::size_t i = 0; i < events.size(); ++i) {
      const std::size_t e = events[i];
      bool again = false;
      if (policy == Duplicates::first) again = i > 0;
      if (policy == Duplicates::last) again = i + 1 < events.size();
      if (policy == Duplicates::consecutive) again = i > 0 && events[i - 1] + 1 == e;
      if (policy == Duplicates::exact && !h.times.empty()) {
        again = i > 0 && h.times[e] != kUnknownTime && h.times[events[i - 1]] == h.times[e];
      }
      if (!again) {
        kept = e;
        continue;
      }
      keep[e] = 0;
      if (!h.weights.empty()) h.weights[kept] = std::max(h.weights[kept], h.weights[e]);
    }
  });
  return keep_events(h, [&](std::size_t e, std::size_t) { return keep[e] != 0; });
}

std::size_t keep_core(Histories& h, std::size_t items, std::size_t user_events,
                      std::size_t item_events) {
  std::size_t dropped = 0;
  for (;;) {
    std::vector<std::size_t> counts(items);
    for (const std::int32_t item : h.items) ++counts[static_cast<std::size_t>(item)];
    const std::size_t now = keep_events(h, [&](std::size_t e, std::size_t length) {
      return length >= user_events && counts[static_cast<std::size_t>(h.items[e])] >= item_events;
    });
    dropped += now;
    if (now == 0) return dropped;
  }
}

std::size_t cut_histories(Histories& h, std::size_t most) {
  std::vector<char> keep(h.items.size(), 0);
  for (std::size_t u = 0; u < h.users(); ++u) {
    const std::size_t length = std::min(most, h.end(u) - h.begin(u));
    std::fill(keep.begin() + static_cast<std::ptrdiff_t>(h.end(u) - length),
              keep.begin() + static_cast<std::ptrdiff_t>(h.end(u)), 1);
  }
  return keep_events(h, [&](std::size_t e, std::size_t) { return keep[e] != 0; });
}

}  // namespace tessera
