#pragma once
#include <cstdint>
#include <vector>

#include "data/event_log.h"

namespace tessera {

/// Users' histories end to end, as filters need them: items by their number in the log's table,
/// times in milliseconds. The filters below shorten histories and return how many events they
/// dropped; users stay, perhaps without an event.
struct Histories {
  std::vector<std::int64_t> offsets{0};  ///< [users + 1]
  std::vector<std::int32_t> items;
  std::vector<std::int64_t> times;  ///< beside items, kUnknownTime; or empty
  std::vector<float> weights;       ///< beside items; or empty

  std::size_t users() const { return offsets.size() - 1; }
  std::size_t begin(std::size_t user) const { return static_cast<std::size_t>(offsets[user]); }
  std::size_t end(std::size_t user) const { return static_cast<std::size_t>(offsets[user + 1]); }
};

/// The log's events by user, each user's in the order of the log. Empties the log's columns.
Histories group_by_user(EventLog& log);

/// Sorts each history by time. Events of equal time keep their order, and one without a known time
/// stays behind the event that stood before it. Returns the users that were not in order.
std::size_t order_by_time(Histories& histories);
/// Users whose known times decrease somewhere.
std::size_t count_out_of_order(const Histories& histories);

/// Drops events without a known time.
std::size_t drop_untimed(Histories& histories);

/// Drops the events of a user with an item whose weights add up to less than `least`.
std::size_t drop_weak(Histories& histories, double least);

/// What becomes of a user's further events with the same item. What stays counts as much as the
/// heaviest of those that it stands for.
enum class Duplicates {
  keep,
  exact,        ///< those at the very same known time are dropped
  consecutive,  ///< those right behind each other are dropped
  first,        ///< all but the first are dropped
  last          ///< all but the last are dropped
};
std::size_t drop_duplicates(Histories& histories, Duplicates policy);

/// Drops users with fewer events than `user_events` and items with fewer than `item_events` until
/// none is left to drop (the k-core). `items`: numbers are below it.
std::size_t keep_core(Histories& histories, std::size_t items, std::size_t user_events,
                      std::size_t item_events);

/// Drops all but each user's last `most` events.
std::size_t cut_histories(Histories& histories, std::size_t most);

}  // namespace tessera
