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

/// The best items for each evaluated user, as `recommend` gives them: none of the history, best
/// first, and of equal ones the lower item number first.
struct TopLists {
  std::size_t length = 10;
  std::vector<std::int32_t> items;  ///< [users, length]; -1 behind the end of a shorter list

  std::size_t users() const { return items.size() / length; }
  /// The items of a user's list.
  std::span<const std::int32_t> of(std::size_t user) const;
};

/// Place of the target per evaluated user (in the order of evaluated_users).
/// Sampled protocol: the target among its given negatives (Lin et al. 2025, section 4).
std::vector<TargetPlace> rank_sampled(const Dataset& data, Split split, const Negatives& negatives,
                                      const Scorer& scorer, const ProgressFunction& progress = {});
/// Full protocol: the target among all items but those of the user's whole history before it; the
/// target itself always stays a candidate. The best items go to `lists`, if given.
std::vector<TargetPlace> rank_full(const Dataset& data, Split split, const Scorer& scorer,
                                   const ProgressFunction& progress = {},
                                   TopLists* lists = nullptr);

/// How many candidates each evaluated user has under the full protocol, the target included.
std::vector<std::uint32_t> full_candidates(const Dataset& data, Split split);

}  // namespace tessera
