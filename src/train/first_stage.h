#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// Finds the collaborative codes of the state's model: trains a model of ID tokens alone in the
/// bundle's folder kCollaborativeStage, whose last table gives them. A warm start trains that of
/// the earlier bundle on, and its codes move from where they were. All ranks train, rank 0 finds
/// the codes, each gets those of its own items. `text` are the embeddings of the items here. What
/// it returns is that model's result; where it is not finished, nothing was found.
TrainResult find_collaborative_codes(const TrainOptions& options, const Ranks& ranks,
                                     const Dataset& data, const Matrix& text, TrainingState& state);

/// Copies the model of a first stage with its log, config.json last.
void copy_first_stage(const fs::path& from, const fs::path& to);
/// Leaves of a bundle's first stage what a warm start goes on with: the model with its settings and
/// its log. Nothing happens where that is done or there is none.
void keep_first_stage(const fs::path& bundle);
/// Leaves of it settings and log alone.
void drop_first_stage(const fs::path& bundle);
/// Removes it: of a bundle that a model without one, or whose codes are another's, is to replace.
void forget_first_stage(const fs::path& bundle);

/// What ID tokens alone reached at the end of the first stage of a bundle, as its log says, among
/// so many users; all zero where it says nothing.
Metrics first_stage_validation(const fs::path& bundle, std::size_t users);

}  // namespace tessera
