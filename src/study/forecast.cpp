#include "study/forecast.h"

#include <algorithm>

namespace tessera {
namespace {

// The mean of value(run) over the runs where it is positive: of one kind, or else of all, or else
// the fallback.
template <class Value>
double mean_of(std::span<const RunTiming> runs, const std::string& kind, double fallback,
               const Value& value) {
  double sums[2] = {0, 0};
  double counts[2] = {0, 0};
  for (const RunTiming& run : runs) {
    const double x = value(run);
    if (x <= 0) continue;
    sums[1] += x;
    counts[1] += 1;
    if (run.kind != kind) continue;
    sums[0] += x;
    counts[0] += 1;
  }
  if (counts[0] > 0) return sums[0] / counts[0];
  return counts[1] > 0 ? sums[1] / counts[1] : fallback;
}

}  // namespace

Forecast forecast(std::span<const RunTiming> runs, std::size_t jobs) {
  const auto own_seconds = [](const RunTiming& run) { return run.epoch_seconds; };
  const auto evaluation = [](const RunTiming& run) { return run.evaluate_seconds; };
  const auto length = [](const RunTiming& run) { return run.finished ? run.epochs : 0.0; };
  Forecast result;
  double done = 0;
  double left = 0;
  double longest = 0;
  for (const RunTiming& run : runs) {
    const double seconds =
        run.epoch_seconds > 0 ? run.epoch_seconds : mean_of(runs, run.kind, 0.0, own_seconds);
    result.known = result.known || seconds > 0;
    done += run.epochs * seconds + run.evaluate_seconds;
    if (run.finished) continue;
    const double usual = mean_of(runs, run.kind, kTypicalEpochs, length);
    const double expected = std::min(run.most, std::max(usual, run.epochs + 1));
    const double own_left =
        std::max(expected - run.epochs, 0.0) * seconds + mean_of(runs, run.kind, 0.0, evaluation);
    left += own_left;
    longest = std::max(longest, own_left);
  }
  if (done + left > 0) result.share = done / (done + left);
  result.left = std::max(longest, left / static_cast<double>(std::max<std::size_t>(jobs, 1)));
  return result;
}

}  // namespace tessera
