#pragma once
#include "train/trainer.h"

namespace tessera {

/// Trains a model on every event, for as many epochs as an earlier model was trained that was
/// validated: that of options.chosen_by, or one that it trains first, in the bundle's folder
/// kSelection, where it stays to be measured. A learning rate that falls does so over these epochs.
/// Goes on by itself with what was interrupted. Throws UsageError where it is told to resume
/// (options.refit beside options.resume), and Error where it would overwrite what chose.
TrainResult refit(const TrainOptions& options);

/// Whether a refit into this bundle was interrupted that chose its epochs there.
bool begun_refit(const fs::path& bundle);

/// Where a new training is no part of a refit, removes what an earlier one was chosen by.
void forget_selection(const TrainOptions& options);

/// Tells what chose the epochs of a refit; null: nothing to tell.
void report_choice(const nlohmann::json& chosen, TrainResult& result);

}  // namespace tessera
