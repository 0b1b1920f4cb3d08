#include "train/token_choice.h"

#include "train/first_stage.h"
#include "train/paired_validation.h"

namespace tessera {
namespace {

std::vector<double> values_of(std::span<const TargetPlace> places, const std::string& select) {
  std::vector<double> values;
  for (const TargetPlace& place : places) values.push_back(metrics_of(place).at(select));
  return values;
}

bool significantly_behind(const Bundle& bundle, const Bundle& ids_alone,
                          const PairedValidation& validation) {
  const std::string& select = bundle.model.settings.select;
  return behind(values_of(validation.places(bundle), select),
                values_of(validation.places(ids_alone), select));
}

}  // namespace

void choose_tokens(const TrainOptions& options, const TrainingState& state, const Dataset& here,
                   TrainResult& result) {
  if (!state.chooses_tokens || !result.ids_ahead) return;
  const Bundle bundle = read_bundle(options.bundle);
  const fs::path first_stage = options.bundle / kCollaborativeStage;
  // A run that is gone on with may have chosen before.
  if (bundle.model.settings.has_semantics()) {
    const std::optional<Dataset> read = dataset_of_all(options, state);
    const PairedValidation validation(read ? *read : here, state.model.settings, state.negatives);
    if (!significantly_behind(bundle, read_bundle(first_stage), validation)) return;
    copy_first_stage(first_stage, options.bundle);
  }
  result.ids_kept = true;
  result.best = result.ids_alone;
  result.best_epoch = state.model.settings.collaborative_epochs;
}

}  // namespace tessera
