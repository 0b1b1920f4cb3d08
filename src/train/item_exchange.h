#pragma once
#include "ranks/placement.h"
#include "train/batch.h"

namespace tessera {

/// The vectors of items of the whole catalogue, [items, width], from the ranks that they belong to;
/// `own` are this rank's, by row. To be called by all ranks, each with items of its own choice.
MatrixView<float> fetch_vectors(const Ranks& ranks, std::span<const std::int32_t> items,
                                MatrixView<const float> own, StepArena& arena);

/// The items of a step over several ranks: each rank has positions of its own users, asks the ranks
/// that hold their items for the vectors, and sends them the gradients. An item is computed once
/// however many ranks refer to it (Naumov et al. 2019 share embedding tables out in this way).
class ItemExchange {
 public:
  /// A catalogue of `items`. The ranks must outlive it.
  ItemExchange(const Ranks& ranks, std::size_t items);

  /// Finds out what this rank computes for whom: makes the items of the rank's batch those of its
  /// own tables, by row, with the counts of all ranks; a process alone computes all of its items.
  /// `places` [sequences] are those of the rank's sequences in the batch of all ranks, which orders
  /// the inputs as a process alone would.
  TrainingBatch plan(const TrainingBatch& batch, std::span<const std::int32_t> places,
                     std::size_t max_length, StepArena& arena);
  /// The inputs of all ranks, as the codebooks see them.
  const SharedRows& inputs() const { return inputs_; }

 private:
  struct Input {         // of a step
    std::int32_t place;  // where it occurs first
    std::int32_t row;
    float count;
  };
  MatrixView<float> fetch(MatrixView<float> computed, StepArena& arena) const;
  MatrixView<float> give_back(MatrixView<float> gradients, StepArena& arena) const;
  std::span<Input> questions_of(const TrainingBatch& batch, std::span<const std::int32_t> places,
                                std::size_t max_length, StepArena& arena);
  std::span<const Input> answer(const Received<Input>& asked, std::span<std::int32_t> rows,
                                StepArena& arena);
  void share_inputs(std::span<const Input> mine, StepArena& arena);

  const Ranks& ranks_;
  VectorExchange vectors_;
  SharedRows inputs_;
  double positions_ = 0;
  std::vector<std::int32_t> index_;   // of a row among those of the step …
  std::vector<std::uint64_t> stamp_;  // … if its stamp is the step's
  std::uint64_t step_ = 0;
  // Of the step, in its arena.
  ItemsByRank asked_;
  std::span<std::size_t> answered_;   // how many items each rank asks for
  std::span<std::int32_t> computed_;  // index of what is answered, rank by rank
  std::size_t rows_ = 0;              // computed here
};

}  // namespace tessera
