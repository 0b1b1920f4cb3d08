#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/progress.h"
#include "store/store.h"

namespace tessera {

/// Appends a JSON object: {"user", "item", "time" (milliseconds since 1970), "kind", "weight"}, of
/// the last three what is known. `prepare` reads lines of such.
void append_event_json(std::string& json, std::string_view user, const StoredEvent& event);

/// Which events are told: received at `since` (milliseconds since 1970) or later, where that is
/// given, and none with an item that was erased.
struct EventChoice {
  std::optional<std::int64_t> since{};
  std::unordered_set<std::string> erased{};

  bool takes(const StoredEvent& event) const;
};
EventChoice choose_events(const StoredState& state, std::optional<std::int64_t> since);

/// What to ask for as `since` next time, so that no event is missed that was being taken when this
/// export began: a minute before now, as milliseconds since 1970.
std::int64_t next_since();

struct ExportOptions {
  std::string source;  ///< what the state is called, to know an interrupted export of it again
  fs::path out;
  std::optional<std::int64_t> since{};
  bool resume = false;  ///< go on with an export into `out` that was interrupted
  ProgressFunction progress{};
  std::function<bool()> interrupted{};
  std::function<void(const StoredEvent&)> seen{};  ///< each event that is written
};

struct ExportReport {
  std::size_t users = 0, events = 0;  ///< of this run; an item counts as an event
  std::size_t erased = 0;             ///< events left out, for their items were erased
  std::size_t ahead = 0;              ///< events that are dated more than a day from now
  std::int64_t next_since = 0;
  bool finished = true;
};

/// Writes events as JSON lines, user by user, each user's oldest first, beside `out` and renamed at
/// the end. What was written when it is interrupted, or fails, is kept beside with its place, for
/// `resume`. Memory is bounded by one user's history and the ids of erased items. Throws Error.
ExportReport export_events(const StoredState& state, const ExportOptions& options);

/// Writes the stored items as JSON lines {"id", "title", "text"} and their attributes; those that
/// were erased are left out, and so are attributes of items that the state does not hold.
/// Attributes are in memory. Throws Error.
ExportReport export_items(const StoredState& state, const ExportOptions& options);

/// Writes what became of lists as JSON lines {"time", "request_id", "variant", "kind", "items"},
/// oldest first; those of `since` or later. Throws Error.
ExportReport export_feedback(const StoredState& state, const ExportOptions& options);

}  // namespace tessera
