#pragma once
#include "data/dataset.h"
#include "model/recommender.h"

namespace tessera {

/// A step's batch with what the codebooks count.
struct TrainingBatch {
  StepBatch step;
  std::span<const float> input_counts;  ///< occurrences as input, of the first distinct items
};

/// Turns users into packed batches of distinct items. Inputs are the training history but its last
/// item, targets the training history but its first, both cut to the last max_length.
class Batcher {
 public:
  /// With `shared_negatives` 0 every position draws its own. `numbers`: what the users are called
  /// where the data are a part of a larger dataset, whose random streams they keep; empty: as here.
  /// Throws Error if a user's history leaves no negative.
  Batcher(const Dataset& data, std::size_t max_length, std::size_t shared_negatives = 0,
          std::span<const std::int32_t> numbers = {});

  /// Users with at least two training events, ascending.
  const std::vector<std::int32_t>& users() const { return users_; }
  /// Everything lives in `arena`. Negatives are uniform over the items that are not withheld, and
  /// a position's own lie outside its user's training history; they do not depend on who else is in
  /// the batch.
  TrainingBatch build(std::span<const std::int32_t> users, Random& random, StepArena& arena);

 private:
  std::int32_t draw_negative(std::span<const std::int32_t> history, Random& random) const;

  const Dataset& data_;
  std::size_t max_length_;
  std::size_t shared_negatives_;
  std::span<const std::int32_t> numbers_;
  std::vector<std::int32_t> users_;
  std::vector<std::int32_t> place_;   // of an item among the distinct items of the step …
  std::vector<std::uint64_t> stamp_;  // … if its stamp is the step's
  std::uint64_t step_ = 0;
};

}  // namespace tessera
