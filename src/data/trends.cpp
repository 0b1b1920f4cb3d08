#include "data/trends.h"

#include <algorithm>
#include <cmath>

#include "tessera/fallback.h"

namespace tessera {

TrainingTrends training_trends(const Dataset& data) {
  TrainingTrends trends;
  trends.counts.resize(data.items.size());
  const auto for_each = [&](const auto& visit) {
    if (data.times.empty()) return;
    for (std::size_t u = 0; u < data.users(); ++u) {
      // What training sees are the first events of the history, without those of withheld items.
      std::size_t left = train_history(data, u).size();
      const auto history = data.history(u);
      for (std::size_t i = 0; i < history.size() && left > 0; ++i) {
        const auto item = static_cast<std::size_t>(history[i]);
        if (data.items[item].withheld) continue;
        --left;
        const std::int64_t time = data.times[static_cast<std::size_t>(data.offsets[u]) + i];
        if (time > 0) visit(item, static_cast<double>(time));
      }
    }
  };
  for_each([&](std::size_t, double time) { trends.last = std::max(trends.last, time); });
  for_each([&](std::size_t item, double time) {
    trends.counts[item] += std::exp2((time - trends.last) / kTrendHalfLife);
  });
  return trends;
}

}  // namespace tessera
