#pragma once
#include <optional>

#include "base/ranks.h"
#include "model/catalogue.h"
#include "train/state.h"

namespace tessera {

/// The rows of a table of the whole catalogue that belong to a rank (rank_of_item).
Matrix rank_rows(MatrixView<const float> whole, std::size_t rank, std::size_t ranks);

/// From rank 0's whole state to every rank's own: dense parts alike on all, of tables the rank's
/// rows. What the states of other ranks were is lost.
void share_out(const Ranks& ranks, TrainingState& state);

/// The other way: on rank 0 the state as a process alone would hold it; nothing on the others.
std::optional<TrainingState> whole_state(const Ranks& ranks, TrainingState& state,
                                         std::size_t items);

/// On every rank the model of the whole catalogue, to be read alone, and its catalogue. `text` and
/// the tables of `model` are the rank's own.
struct WholeModel {
  Recommender model;
  Catalogue catalogue;
};
WholeModel whole_model(const Ranks& ranks, Recommender& model, MatrixView<const float> text,
                       std::size_t items);

}  // namespace tessera
