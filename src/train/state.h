#pragma once
#include "model/bundle.h"
#include "model/metrics.h"

namespace tessera {

/// What a warm start does with the tokens of known items.
inline constexpr const char* kKeepTokens = "keep";
inline constexpr const char* kFollowTokens = "follow";

/// Everything a training run needs to go on as if it had never stopped. Random streams are named by
/// (seed, purpose, epoch, step), so no generator state belongs to it.
struct TrainingState {
  Recommender model;
  std::uint64_t updates = 0;  ///< optimizer steps done
  std::size_t epoch = 0;      ///< the current one, from 0
  std::size_t step = 0;       ///< the next one of this epoch
  Metrics best;               ///< validation metrics of the best epoch; no users before the first
  std::size_t best_epoch = 0;
  std::vector<double> loss_sums;  ///< of this epoch: total, recommendation, reconstruction, levels…
  bool codes_found = false;       ///< the collaborative ones
  bool chooses_tokens = false;    ///< at the end (train/token_choice.h)
  /// Moving averages of the parameters' values over epochs; none without settings.weight_averaging.
  std::vector<Matrix> averages;
  double epoch_seconds = 0.0;
  double total_seconds = 0.0;
  nlohmann::json chosen;    ///< of a refit: what chose its epochs; null: no refit
  nlohmann::json from;      ///< of a warm start: what from, for config.json; null: from nothing
  std::string log;          ///< training.jsonl so far
  std::string fingerprint;  ///< of the dataset
  std::string text_fingerprint;  ///< of its embeddings
  /// Whether the codes of items stay as they are.
  bool keeps_tokens() const { return from.is_object() && from.at("tokens") == kKeepTokens; }
  std::string negatives;  ///< the file that validation reads them from; empty: drawn
};

/// A model at its start: initialised by settings.seed, no step taken. The ID tokens of withheld
/// items are zero and stay so, since no gradient reaches them: see train/new_items.h. Collaborative
/// codes are still to be found. Of the tables the state holds the rows `held`.
TrainingState initial_state(const Settings& settings, const Dataset& data, std::size_t text_dims,
                            const RowSelection& held = {});

/// Takes the parameters as they are, at the end of an epoch, into their averages.
void average_weights(TrainingState& state);
/// Puts averages in the place of values, and again values in the place of averages.
void swap_averages(TrainingState& state);

/// The tensors of a checkpoint, and what it says beside them of a state of a catalogue of `items`.
std::map<std::string, Tensor> checkpoint_tensors(TrainingState& state);
std::string describe(const TrainingState& state, std::size_t items);

/// Throws Error if the file is missing or damaged, or belongs to other data.
TrainingState read_checkpoint(const fs::path& file, const std::string& fingerprint,
                              const RowSelection& held = {});

}  // namespace tessera
