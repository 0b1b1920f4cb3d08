#pragma once
#include "train/state.h"
#include "train/trainer.h"

namespace tessera {

/// The learning rate of a warm start, in shares of its settings': few epochs go farther at a high
/// one, which falls as ever.
inline constexpr double kWarmRate = 3.0;

/// How long a warm start trains where a start from nothing takes so many epochs.
std::size_t warm_epochs(std::size_t epochs);
/// Settings to go on from a bundle with: its own, but both stages for warm_epochs of its recipe's,
/// which may be left to the data.
Settings warm_settings(const fs::path& bundle);
/// The same of what was left to the data: `settings`, which follow from them, for warm_epochs where
/// `asked` left it to them.
void shorten_for_warm_start(const Settings& asked, Settings& settings);

/// The model of ID tokens alone that a bundle keeps of its first stage, to go on with; empty where
/// there is none: in bundles of earlier versions, of a warm start that kept tokens, and where it is
/// of other data than the bundle, as while another training writes there.
fs::path kept_first_stage(const fs::path& bundle);

/// A model at the start of a warm start from options.from (model/carry_over.h), of which the state
/// holds the rows `held`; `text` [items held, text dims] are their embeddings. The codebooks'
/// moving averages stand where training on `data` would have brought them. Collaborative codes are
/// those of the bundle, and still to be found where it keeps its first stage and codes are free to
/// move. ID tokens that begin near items of like text (Settings::starts_at_text) do so in a warm
/// start of an embedded dataset, too: those that no event has taught are put where the others'
/// texts say (place_by_text). Throws Error if the settings, the encoder or the width do not fit.
TrainingState warm_state(const TrainOptions& options, const Dataset& data, const Settings& settings,
                         MatrixView<const float> text, const Ranks& ranks);

}  // namespace tessera
