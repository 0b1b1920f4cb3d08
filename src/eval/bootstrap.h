#pragma once
#include "model/metrics.h"

namespace tessera {

/// 95 % of bootstrap samples: the percentile interval (Efron and Tibshirani 1993, chapter 13).
struct Interval {
  double low = 0, high = 0;
};
using Intervals = Headlines<Interval>;

/// Of the means over users, drawn with replacement; all metrics from the same draws. Zero for no
/// users; of no width where all users have one value, as in a slice without a hit.
Intervals bootstrap(std::span<const TargetPlace> places, std::uint64_t seed,
                    std::size_t rounds = 1000);

/// Mean differences a − b of two systems ranked on the same users, user by user.
struct PairedDifference {
  Headlines<double> mean{};
  Intervals interval{};
};
PairedDifference paired_bootstrap(std::span<const TargetPlace> a, std::span<const TargetPlace> b,
                                  std::uint64_t seed, std::size_t rounds = 1000);

/// Name → [low, high].
nlohmann::json to_json(const Intervals& intervals);
/// Name → [difference, low, high].
nlohmann::json to_json(const PairedDifference& difference);

}  // namespace tessera
