#pragma once
#include "train/batch.h"
#include "train/optimizer.h"
#include "train/state.h"

namespace tessera {

/// Takes training steps: batch, gradients, codebooks, optimizer. After the largest batch has been
/// seen a step asks for no more memory.
class Stepper {
 public:
  /// The arguments must outlive it. Errors as Batcher's.
  Stepper(TrainingState& state, const Dataset& data, MatrixView<const float> text);

  /// How many users have something to train on.
  std::size_t users() const { return batcher_.users().size(); }
  /// These users in the random order of the state's epoch.
  std::vector<std::int32_t> epoch_order() const;
  /// One step on a batch of users, from state.step to the next. Before the first of all it finds
  /// the codebooks by k-means on the batch's input occurrences. Throws Error if the loss is not
  /// finite.
  void step(std::span<const std::int32_t> users);

  /// Brings the model up to the last step: before it is used, rows of the ID table that no step
  /// touched of late are behind.
  void settle();

  /// Memory held, and the clock of the stages of all steps.
  const StepArena& arena() const { return arena_; }

 private:
  void initialise_codebooks(const TrainingBatch& batch);

  TrainingState& state_;
  MatrixView<const float> text_;
  Batcher batcher_;
  Optimizer optimizer_;
  StepArena arena_;
};

}  // namespace tessera
