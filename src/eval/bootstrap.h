#pragma once
#include "eval/metrics.h"

namespace tessera {

/// 95 % of bootstrap samples: the percentile interval (Efron and Tibshirani 1993, chapter 13).
struct Interval {
  double low = 0, high = 0;
};
struct Intervals {
  Interval hr10, ndcg10;
};

/// Of the means over users, drawn with replacement; both metrics from the same draws. Zero for no
/// users; of no width where all users have one value, as in a slice without a hit.
Intervals bootstrap(std::span<const Rank> ranks, std::uint64_t seed, std::size_t rounds = 1000);

/// Mean differences a − b of two systems ranked on the same users, user by user.
struct PairedDifference {
  double hr10 = 0, ndcg10 = 0;
  Intervals interval;
};
PairedDifference paired_bootstrap(std::span<const Rank> a, std::span<const Rank> b,
                                  std::uint64_t seed, std::size_t rounds = 1000);

/// {"HR@10": [low, high], "NDCG@10": [low, high]}.
nlohmann::json to_json(const Intervals& intervals);
/// {"HR@10": [difference, low, high], "NDCG@10": [difference, low, high]}.
nlohmann::json to_json(const PairedDifference& difference);

}  // namespace tessera
