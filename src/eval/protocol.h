#pragma once
#include <functional>

#include "base/progress.h"
#include "data/negatives.h"
#include "model/metrics.h"

namespace tessera {

/// What is to be evaluated, as plain functions. `users` are user numbers of the dataset; the
/// history to score from is history_before(data, user, split). Scores are comparable within one row
/// only.
struct Scorer {
  /// scores[i][item] for every item of the catalogue; scores is [users, items].
  std::function<void(std::span<const std::int32_t> users, Split split, MatrixView<float> scores)>
      catalogue;
  /// scores[i][j] of candidates[i][j]; both are [users, candidates]. May be empty: `catalogue` is
  /// used in its place.
  std::function<void(std::span<const std::int32_t> users, Split split,
                     MatrixView<const std::int32_t> candidates, MatrixView<float> scores)>
      candidates;
};

/// The best items for each evaluated user, as `recommend` gives them: of the history by the rule
/// for repeats, best first, and of equal ones the lower item number first.
struct TopLists {
  std::size_t length = 10;
  std::vector<std::int32_t> items;  ///< [users, length]; -1 behind the end of a shorter list

  std::size_t users() const { return items.size() / length; }
  /// The items of a user's list.
  std::span<const std::int32_t> of(std::size_t user) const;
};

/// What becomes of the items of a user's history, among candidates and in lists.
enum class Repeats {
  excluded,   ///< neither: what a list never shows is missed, so a target that repeats is kMissed
  allowed,    ///< both
  published,  ///< neither but for the target, the literature's convention: lists never show it
};

/// Place of the target per evaluated user (in the order of evaluated_users).
/// Sampled protocol: the target among its given negatives (Lin et al. 2025, section 4), of which
/// none is in the history.
std::vector<TargetPlace> rank_sampled(const Dataset& data, Split split, const Negatives& negatives,
                                      const Scorer& scorer, const ProgressFunction& progress = {},
                                      Repeats repeats = Repeats::published);
/// Full protocol: the target among all items, those of the user's whole history before it by the
/// rule. The best items go to `lists`, if given.
std::vector<TargetPlace> rank_full(const Dataset& data, Split split, const Scorer& scorer,
                                   const ProgressFunction& progress = {}, TopLists* lists = nullptr,
                                   Repeats repeats = Repeats::published);

/// Places under the full protocol where all items score the same.
std::vector<TargetPlace> chance_full(const Dataset& data, Split split, Repeats repeats);
/// The same of the sampled one.
std::vector<TargetPlace> chance_sampled(const Dataset& data, Split split,
                                        const Negatives& negatives, Repeats repeats);

}  // namespace tessera
