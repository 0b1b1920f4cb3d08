#pragma once
#include "train/item_exchange.h"
#include "train/optimizer.h"
#include "train/state.h"
#include "train/training_share.h"

namespace tessera {

/// Takes training steps: batch, gradients, codebooks, optimizer. After the largest batch has been
/// seen a step of a process alone asks for no more memory. The ranks take the same steps together:
/// each gives the same windows, of which it does those of its own users.
class Stepper {
 public:
  /// The arguments must outlive it. The state's tables, the text and the users of `data` are the
  /// rank's own. Errors as Batcher's, and if there is no user to train on.
  Stepper(TrainingState& state, const Dataset& data, MatrixView<const float> text,
          const TrainingShare& share = {});

  /// Steps of an epoch.
  std::size_t steps() const { return steps_; }
  /// Those of the state's epoch, with the users of all ranks by their numbers in the whole.
  EpochPlan plan_epoch() const;
  /// One step on windows of it, from state.step to the next. Before the first of all it finds the
  /// codebooks by k-means on the batch's input occurrences. Throws Error if the loss is not finite.
  void step(std::span<const Window> windows);

  /// Brings the model up to the last step: before it is used, rows of the ID table that no step
  /// touched of late are behind.
  void settle();

  /// Memory held, and the clock of the stages of all steps.
  const StepArena& arena() const { return arena_; }

 private:
  TrainingBatch build(std::span<const Window> windows);
  void initialise_codebooks(const TrainingBatch& batch);

  TrainingState& state_;
  MatrixView<const float> text_;
  const Ranks& ranks_;
  Batcher batcher_;
  ItemExchange exchange_;
  std::vector<UserTargets> users_;
  std::size_t steps_;
  std::vector<std::int32_t> here_;       // of a user: the number in the data here, or -1
  std::vector<std::span<float>> dense_;  // gradients that all ranks have
  Optimizer optimizer_;
  StepArena arena_;
};

}  // namespace tessera
