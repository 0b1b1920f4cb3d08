#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// With tokens=auto, and epochs that follow from the data, too, at the end of a training: the ID
/// tokens alone of the bundle's first stage take the place of unified tokens where they find the
/// targets of validation better by more than chance (95 %, paired by user), by the metric that
/// selects. The bundle is then one of tokens=id; its first stage and its text encoder stay, so that
/// the training can be gone on with. Where items are withheld, their targets count, which ID tokens
/// alone never find. The result says what was kept. `here` is the dataset as the run has it, of the
/// users of this rank, which is the first.
void choose_tokens(const TrainOptions& options, const TrainingState& state, const Dataset& here,
                   TrainResult& result);

}  // namespace tessera
