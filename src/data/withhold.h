#pragma once
#include "data/dataset.h"

namespace tessera {

/// Items with at least one event.
std::size_t count_with_events(const Dataset& data);

/// Splits by time (see SplitRule). A cut is a share of the events in order of time ("0.8": the time
/// of the event there, which with all of the same time lies behind the cut), an ISO 8601 date or
/// unix seconds. Items that first appear behind the first cut are withheld: training could not know
/// them. Every event must have a time. Throws UsageError for cuts that are none or not in order,
/// and Error if a part has nothing to train or evaluate on.
void split_by_time(Dataset& data, const std::string& validation_from, const std::string& test_from);

/// Withholds a share of the items with events: drawn by `seed`, or those whose first event is the
/// latest (equal times in drawn order; items without a known time count as the earliest). Throws
/// UsageError for a share outside (0, 1) or one that leaves no item to withhold or train on, and
/// Error if times are needed and missing.
void withhold_items(Dataset& data, double share, bool by_time, std::uint64_t seed);

}  // namespace tessera
