#pragma once
#include "data/dataset.h"

namespace tessera {

/// What of a dataset was touched of late, in a bundle: [items + 1, 1], seconds since 1970:
/// TrendingItem::touched of each item, 0 without an event; at last the time of the last event. Only
/// of datasets with times.
inline constexpr const char* kTrendsFile = "trends.npy";

/// What was touched of late, by the events that training may see and whose times are known.
struct TrainingTrends {
  double last = 0.0;  ///< the time of the last event, seconds since 1970; 0 of none
  std::vector<double>
      counts;  ///< by item: events, each half as much a kTrendHalfLife before `last`
};
TrainingTrends training_trends(const Dataset& data);

}  // namespace tessera
