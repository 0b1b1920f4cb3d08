#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// The learning rate of a warm start, in shares of its settings'.
inline constexpr double kWarmRate = 0.5;

/// How long a warm start trains where a start from nothing takes so many epochs.
std::size_t warm_epochs(std::size_t epochs);
/// Settings to go on from a bundle with: its own, for warm_epochs of its recipe's, which may be
/// left to the data.
Settings warm_settings(const fs::path& bundle);

/// A model at the start of a warm start from options.from (model/carry_over.h), of which the state
/// holds the rows `held`; `text` [items held, text dims] are their embeddings. The codebooks'
/// moving averages stand where training on `data` would have brought them. Throws Error if the
/// settings, the encoder or the width do not fit.
TrainingState warm_state(const TrainOptions& options, const Dataset& data, const Settings& settings,
                         MatrixView<const float> text, const Ranks& ranks);

/// Those of the model of ID tokens alone, of a first stage that starts where an earlier one ended.
Settings warm_first_stage_settings(Settings first_stage);

/// Starts the model of ID tokens alone where an earlier one ended, as far as the collaborative
/// codes of `model` tell, whose items `first` holds too: each item has the factors that its codes
/// stand for. The rest is that of the bundle's folder kCollaborativeStage, if it was kept.
void warm_first_stage(const fs::path& from, const Recommender& model, TrainingState& first);

/// Keeps of a first stage what a later one starts from: everything but the table.
void keep_first_stage(const fs::path& first_stage);

}  // namespace tessera
