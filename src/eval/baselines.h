#pragma once
#include <limits>

#include "eval/protocol.h"

namespace tessera {

/// Rules that count, to hold a model against. All are fitted on train_history alone, break no tie
/// by item number, and refer to `data`, which must outlive them.

/// No limit, where an option counts.
inline constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// Score = number of events.
Scorer popularity_scorer(const Dataset& data);

/// Score = Σ over the history of the likeness of two items' sets of users: users who have both /
/// (geometric mean of the sets' sizes + shrink), the cosine without shrinkage (Sarwar et al. 2001).
/// Of each item's neighbours the strongest `keep` stay, ties with the last one included; the last
/// `history` items score, the j-th from the end with weight 1/j^decay.
struct ItemKnnOptions {
  std::size_t keep = kAll;
  double shrink = 0;
  std::size_t history = kAll;
  double decay = 0;
};
Scorer item_knn_scorer(const Dataset& data, const ItemKnnOptions& options = {});

/// Sequential rules (as in method comparisons by Ludewig and Jannach 2018): an item that follows
/// another within `window` counts 1/log10(distance + 1.7). `keep`, `history` and `decay` as above.
struct SequentialRulesOptions {
  std::size_t window = 20;
  std::size_t keep = 100;
  std::size_t history = 10;
  double decay = 1;
};
Scorer sequential_rules_scorer(const Dataset& data, const SequentialRulesOptions& options = {});

}  // namespace tessera
