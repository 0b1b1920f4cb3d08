#pragma once
#include <functional>
#include <nlohmann/json.hpp>

#include "eval/metrics.h"
#include "model/bundle.h"

namespace tessera {

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
  double epoch_seconds = 0.0;
  double total_seconds = 0.0;
  std::string log;               ///< training.jsonl so far
  std::string fingerprint;       ///< of the dataset
  std::string text_fingerprint;  ///< of its embeddings
  std::string negatives;         ///< the file that validation reads them from; empty: drawn
};

/// A model at its start: initialised by settings.seed, no step taken. The ID tokens of withheld
/// items are zero, as those of live items, and stay so: no gradient reaches them. Collaborative
/// codes are still to be found.
TrainingState initial_state(const Settings& settings, const Dataset& data, std::size_t text_dims);

/// What a checkpoint says of a state beside its tensors.
nlohmann::json describe(const TrainingState& state);
/// A state as described, with a model of `items` items whose matrices are still zero.
TrainingState state_described(const nlohmann::json& json, std::size_t items);
/// Every matrix of a state, in one order; a table has a row for each item.
void visit_matrices(TrainingState& state,
                    const std::function<void(Matrix& matrix, bool table)>& visit);

/// One file, written atomically.
void write_checkpoint(const fs::path& file, TrainingState& state);
/// Throws Error if the file is missing or damaged, or belongs to other data.
TrainingState read_checkpoint(const fs::path& file, const std::string& fingerprint);

}  // namespace tessera
