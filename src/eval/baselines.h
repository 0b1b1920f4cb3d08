#pragma once
#include "eval/protocol.h"

namespace tessera {

/// Rules that count, to hold a model against. All are fitted on train_history alone, break no tie
/// by item number, and refer to `data`, which must outlive them.

/// Score = number of events.
Scorer popularity_scorer(const Dataset& data);
/// Score = Σ over the history of the cosine of two items' sets of users.
Scorer item_knn_scorer(const Dataset& data);

/// Sequential rules (as in method comparisons by Ludewig and Jannach 2018): an item that follows
/// another within `window` counts 1/log10(distance + 1.7); the last `history` items score with
/// weight 1/j. Of each item's rules the strongest `keep` stay, ties with the last one included.
struct SequentialRulesOptions {
  std::size_t window = 20;
  std::size_t keep = 100;
  std::size_t history = 10;
};
Scorer sequential_rules_scorer(const Dataset& data, const SequentialRulesOptions& options = {});

}  // namespace tessera
