#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// The learning rate of a warm start, in shares of its settings': few epochs go farther at a high
/// one, which falls as ever.
inline constexpr double kWarmRate = 3.0;

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

}  // namespace tessera
