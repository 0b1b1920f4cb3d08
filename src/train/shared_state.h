#pragma once
#include <optional>

#include "base/ranks.h"
#include "model/catalogue.h"
#include "train/state.h"

namespace tessera {

/// From rank 0's whole state to every rank's own: dense parts alike on all, of tables the rank's
/// rows. What the states of other ranks were is lost.
void share_out(const Ranks& ranks, TrainingState& state);

/// The other way: on rank 0 the state as a process alone would hold it; nothing on the others.
std::optional<TrainingState> whole_state(const Ranks& ranks, TrainingState& state,
                                         std::size_t items);

/// On rank 0 the model of the whole catalogue, to be read alone, and its catalogue; nothing on the
/// others. The tables of `model` and the catalogue `own` are the rank's.
struct WholeModel {
  Recommender model;
  Catalogue catalogue;
};
std::optional<WholeModel> whole_model(const Ranks& ranks, Recommender& model, Catalogue& own,
                                      std::size_t items);

}  // namespace tessera
