#pragma once
#include <unordered_map>

#include "data/dataset.h"
#include "model/recommender.h"

namespace tessera {

/// A step's batch with what the codebooks count.
struct TrainingBatch {
  StepBatch step;
  std::span<const float> input_counts;  ///< occurrences as input, of the first distinct items
};

/// How many users with two training events or more have all items in them that are not withheld, so
/// that no position of theirs can draw a negative.
std::size_t users_without_negatives(const Dataset& data);

/// Turns users into packed batches of distinct items. Inputs are the training history but its last
/// item, targets the training history but its first, both cut to the last max_length.
class Batcher {
 public:
  /// With `shared_negatives` 0 every position draws its own. `numbers`: what the users are called
  /// where the data are a part of a larger dataset, whose random streams they keep; empty: as here.
  Batcher(const Dataset& data, std::size_t max_length, std::size_t shared_negatives = 0,
          std::span<const std::int32_t> numbers = {});

  /// Users with at least two training events, ascending; where positions draw their own negatives,
  /// without those whose history leaves none (users_without_negatives).
  const std::vector<std::int32_t>& users() const { return users_; }
  /// Everything lives in `arena`. Negatives are uniform over the items that are not withheld, and
  /// a position's own lie outside its user's training history; they do not depend on who else is in
  /// the batch.
  TrainingBatch build(std::span<const std::int32_t> users, Random& random, StepArena& arena);

 private:
  std::int32_t draw_negative(std::span<const std::int32_t> history, Random& random) const;
  std::int32_t draw_negative_of(std::int32_t user, Random& random) const;

  const Dataset& data_;
  std::size_t max_length_;
  std::size_t shared_negatives_;
  std::span<const std::int32_t> numbers_;
  std::vector<std::int32_t> users_;
  /// Of users who have nearly all items the others: drawing until one is met would take forever.
  std::unordered_map<std::int32_t, std::vector<std::int32_t>> left_;
  std::vector<std::int32_t> place_;   // of an item among the distinct items of the step …
  std::vector<std::uint64_t> stamp_;  // … if its stamp is the step's
  std::uint64_t step_ = 0;
};

}  // namespace tessera
