#pragma once
#include <nlohmann/json.hpp>

#include "eval/popularity.h"
#include "eval/predictions.h"

namespace tessera {

/// What makes figures wrong, or says less than they seem to, and can be seen before any is
/// computed. docs/evaluation.md explains each.
struct Trap {
  std::string name;
  std::size_t found = 0, of = 0;  ///< users, items or entries
  std::string says, remedy;       ///< a sentence each
};

/// Those of predictions: users without a list, unknown users and items, ids or numbers that are
/// shifted by one, items of the history, items that stand twice, lists shorter than the largest
/// cut-off, targets that no list has, candidates that were sampled with the target, equal scores.
std::vector<Trap> traps_in(const Dataset& data, Split split, const Predictions& predictions,
                           Repeats repeats, std::size_t largest_cut);
/// Those of the dataset: targets in the history, cold targets, ids that follow time.
std::vector<Trap> traps_in(const Dataset& data, Split split, Repeats repeats,
                           const Popularity& popularity);

/// [{"trap", "found", "of", "says", "remedy"}]
nlohmann::json to_json(std::span<const Trap> traps);

}  // namespace tessera
