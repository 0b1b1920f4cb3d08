#include "train/paired_validation.h"

#include <algorithm>
#include <cmath>

#include "model/seen.h"

namespace tessera {

PairedValidation::PairedValidation(const Dataset& dataset, const Settings& settings,
                                   const fs::path& file)
    : data(dataset),
      negatives(validation_negatives(settings, dataset, file)),
      users(evaluated_users(dataset, Split::validation)) {}

std::vector<TargetPlace> PairedValidation::places(const Bundle& bundle) const {
  return validation_places(bundle.model, bundle.catalogue, data, negatives);
}

bool behind(std::span<const double> values, std::span<const double> others) {
  constexpr double kWithinChance = 1.96;  // standard errors
  const auto count = static_cast<double>(values.size());
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double gap = values[i] - others[i];
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / count;
  const double variance = std::max(0.0, squares / count - mean * mean);
  return mean + kWithinChance * std::sqrt(variance / count) < 0.0;
}

std::optional<Dataset> dataset_of_all(const TrainOptions& options, const TrainingState& state) {
  if (options.ranks.size == 1) return std::nullopt;
  Dataset data = read_dataset(options.data_directory);
  if (!state.chosen.is_null()) hold_nothing_out(data);
  if (!state.from.is_null()) leave_out_seen(data, state.from.at("seen"));
  return data;
}

}  // namespace tessera
