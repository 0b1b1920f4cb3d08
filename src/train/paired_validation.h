#pragma once
#include <optional>

#include "train/state.h"
#include "train/trainer.h"
#include "train/validation.h"

namespace tessera {

/// The users of validation, by whom finished models are held beside each other. `data` must outlive
/// it.
struct PairedValidation {
  PairedValidation(const Dataset& data, const Settings& settings, const fs::path& negatives);

  /// Where a model finds their targets, in the order of `users`.
  std::vector<TargetPlace> places(const Bundle& bundle) const;

  const Dataset& data;
  Negatives negatives;
  std::vector<std::int32_t> users;
};

/// Whether `values` are less than `others`, each beside its own, by more than chance: the 95 %
/// interval of their mean difference lies below 0, by its standard error.
bool behind(std::span<const double> values, std::span<const double> others);

/// The dataset as a run began with it, of the users of all ranks; none where one rank has them all,
/// as it holds it already.
std::optional<Dataset> dataset_of_all(const TrainOptions& options, const TrainingState& state);

}  // namespace tessera
