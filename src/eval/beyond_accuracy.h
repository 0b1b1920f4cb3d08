#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "eval/popularity.h"
#include "eval/protocol.h"

namespace tessera {

/// What lists do beside holding the target or not: docs/evaluation.md has formulas and sources.
/// Means over users are over those with a list that is not empty.
struct BeyondAccuracy {
  double coverage = 0;         ///< share of the catalogue that is in at least one list
  double gini = 0;             ///< of the items' places in lists: 0 all alike, towards 1 few items
  double popularity = 0;       ///< training events of a listed item, mean of users' means
  double popularity_lift = 0;  ///< popularity / that of the users' histories − 1
  double novelty = 0;          ///< −log2 of a listed item's share of the training events
  /// 1 − mean cosine of the embeddings of a list's pairs; none without embeddings or pairs.
  std::optional<double> diversity;
  std::array<double, kPopularityGroups.size()> exposure{};  ///< share of the places, by group
};

/// Of lists over the items of `popularity`. `history_popularity` as below; 0 leaves the lift at 0.
/// `embeddings` [items, dims] or empty: rows of any length, a zero row is unlike all others.
BeyondAccuracy beyond_accuracy(const TopLists& lists, const Popularity& popularity,
                               double history_popularity, MatrixView<const float> embeddings);

/// Training events of an item in the history before the target: mean of users' means.
double history_popularity(const Dataset& data, Split split, const Popularity& popularity);

/// The targets as lists of one: what perfect lists of that length would hold.
TopLists target_lists(const Dataset& data, Split split);

/// {"coverage", "gini", "popularity", "popularity_lift", "novelty", "diversity" (or null),
/// "exposure": {group: share}}.
nlohmann::json to_json(const BeyondAccuracy& measures);

}  // namespace tessera
