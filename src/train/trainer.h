#pragma once
#include <functional>
#include <optional>

#include "data/negatives.h"
#include "model/bundle.h"
#include "model/metrics.h"
#include "ranks/ranks.h"
#include "train/settings_by_data.h"

namespace tessera {

/// What a run begins with.
struct StartReport {
  const Settings& settings;  ///< with what follows from the data
  LeftOut events;
  bool finds_codes = false;  ///< by a first stage before the epochs
};
/// How far an epoch is.
struct StepReport {
  bool first_stage = false;  ///< of the model that finds collaborative codes
  bool refit = false;        ///< of a model of every event
  std::size_t epoch = 0;     ///< from 1
  std::size_t step = 0;      ///< steps done, of `steps`
  std::size_t steps = 0;
  double loss = 0;  ///< mean total loss of the epoch so far
};

/// What one epoch came to.
struct EpochReport {
  std::size_t epoch = 0;   ///< from 1
  std::size_t epochs = 0;  ///< at most
  double loss = 0;         ///< mean total loss of its steps
  Metrics validation;      ///< of the first stage: at its last epoch alone; of a refit: none
  double train_seconds = 0;
  double validation_seconds = 0;
  bool best = false;         ///< better than all before: the bundle holds this epoch now
  bool first_stage = false;  ///< of the model that finds collaborative codes
  bool refit = false;        ///< of a model of every event
};

/// What the line of an epoch of these begins with.
std::string_view part_words(bool first_stage, bool refit);

struct TrainOptions {
  fs::path data_directory;
  fs::path bundle;     ///< where the best model, the log and the checkpoint go
  fs::path negatives;  ///< of the sampled protocol; empty: drawn by seed
  Settings settings;
  bool overwrite = false;  ///< replace a bundle of another recipe, too
  bool resume = false;     ///< go on from the checkpoint; settings are then taken from it …
  std::optional<std::size_t> epochs;  ///< … but for these, at most, which may be more than before
  bool first_stage = false;           ///< what the reports say
  /// A model of ID tokens alone, trained with settings.collaborative_stage(), to take collaborative
  /// codes from in place of training one; empty: none.
  fs::path codes_from;
  fs::path from;  ///< a bundle whose model training starts from (train/warm_start.h); empty: none
  bool keep_tokens = false;  ///< of a warm start: codes of known items stay as they are
  /// Train, and then again on every event for as many epochs as were best (train/refit.h).
  bool refit = false;
  fs::path chosen_by;     ///< of a refit: an earlier bundle, whose settings and epochs it takes
  nlohmann::json chosen;  ///< of a refit's second part: what chose its epochs, for config.json
  std::function<bool()> interrupted;  ///< asked between steps; true saves and ends the training
  std::function<void(const StartReport&)> on_start;
  std::function<void(const StepReport&)> on_step;
  std::function<void(const EpochReport&)> on_epoch;
  Ranks ranks;  ///< that train one model together; each gives the same options
};

struct TrainResult {
  bool finished = false;  ///< false if interrupted
  std::size_t epochs = 0;
  std::size_t best_epoch = 0;  ///< from 1; 0 if no epoch was completed
  Metrics best;                ///< validation metrics of the best epoch
  /// Of the ID tokens alone that collaborative codes came from; no users where there were none.
  Metrics ids_alone;
  bool ids_ahead = false;  ///< … and whether they are better by settings.select
  /// … and whether they are the model now, with what `best` says (train/token_choice.h).
  bool ids_kept = false;
  /// How much of an ID token new items have (train/new_items.h); 0: none.
  double new_id_share = 0;
  nlohmann::json from;  ///< of a warm start, as config.json has it; null: from nothing
  bool refit = false;   ///< trained on every event; the above are of what chose its epochs
  double seconds = 0;
  /// Users who trained nothing, since their histories hold every item (users_without_negatives).
  std::size_t users_without_negatives = 0;
};

/// Where in a bundle the model is that chose how long a refit trains.
inline constexpr const char* kSelection = "selection";

/// What a run is resumed from, in its bundle.
inline constexpr const char* kCheckpointFile = "checkpoint.safetensors";

/// Where in a bundle the model of ID tokens alone is trained that collaborative codes come from.
inline constexpr const char* kCollaborativeStage = "collaborative";

/// The recipe of the model in a bundle; "" where there is none, or none that can be read.
std::string recipe_of_bundle(const fs::path& bundle);

/// Trains on a dataset directory, validates each epoch, keeps the best model as the bundle and the
/// latest state as its checkpoint. A resumed run gives the same result as an unbroken one. With
/// collaborative tokens it first trains a model of ID tokens alone in the bundle's folder
/// kCollaborativeStage, whose last table gives the codes. Of the ranks, which read the same files,
/// the first alone writes and reports; a run may be resumed by another number of them. Throws
/// Error where the bundle's folder holds anything else (check_folder) or a model of another recipe
/// (unless told to overwrite it), or where another process trains into it.
TrainResult train(const TrainOptions& options);

}  // namespace tessera
