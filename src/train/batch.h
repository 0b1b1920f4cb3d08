#pragma once
#include <unordered_map>

#include "data/dataset.h"
#include "model/recommender.h"
#include "train/windows.h"

namespace tessera {

/// A step's batch with what the codebooks count.
struct TrainingBatch {
  StepBatch step;
  std::span<const float> input_counts;  ///< occurrences as input, of the first distinct items
};

/// How many users with two training events or more have all items in them that are not withheld, so
/// that no position of theirs can draw a negative.
std::size_t users_without_negatives(const Dataset& data);

/// Makes data.weights what the losses of targets weigh by settings.event_weights: in shares of
/// their mean over the training targets, or none where all are to count alike. Throws Error where
/// they are to count as given and no target weighs anything.
void weigh_targets(const Settings& settings, Dataset& data);

/// Turns windows of training histories into packed batches of distinct items. Inputs are the events
/// one place before the targets.
class Batcher {
 public:
  /// With `shared_negatives` 0 every position draws its own; where they would be as many as there
  /// are items they are all items, each once. `numbers`: what the users are called where the data
  /// are a part of a larger dataset, whose random streams they keep; empty: as here.
  explicit Batcher(const Dataset& data, std::size_t shared_negatives = 0,
                   std::span<const std::int32_t> numbers = {});

  /// Users with at least two training events, ascending; where positions draw their own negatives,
  /// without those whose history leaves none (users_without_negatives).
  const std::vector<UserTargets>& users() const { return users_; }
  /// Everything lives in `arena`. Negatives are uniform over the items that are not withheld, and
  /// a position's own lie outside its user's training history; they do not depend on who else is in
  /// the batch.
  TrainingBatch build(std::span<const Window> windows, Random& random, StepArena& arena);

 private:
  std::span<const std::int32_t> targets_of(const Window& window) const;
  std::int32_t draw_negative(Random& random) const;
  void take_shared_negatives(std::span<std::int32_t> negatives, Random& random) const;
  void draw_negatives_of(const Window& window, std::uint64_t seed,
                         std::span<std::int32_t> negatives);

  const Dataset& data_;
  std::size_t shared_negatives_;
  bool all_are_negatives_ = false;  // each once: a softmax over the whole catalogue
  std::span<const std::int32_t> numbers_;
  std::vector<UserTargets> users_;
  /// Of users who have nearly all items the others: drawing until one is met would take forever.
  std::unordered_map<std::int32_t, std::vector<std::int32_t>> left_;
  std::vector<std::int32_t> place_;   // of an item among the distinct items of the step …
  std::vector<std::uint64_t> stamp_;  // … if its stamp is the step's
  std::uint64_t step_ = 0;
  std::vector<std::uint64_t> touched_;  // of an item: the last user in whose history it was met
  std::uint64_t histories_ = 0;
};

}  // namespace tessera
