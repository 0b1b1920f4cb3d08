#pragma once
#include "data/negatives.h"
#include "eval/metrics.h"
#include "model/catalogue.h"
#include "train/training_share.h"

namespace tessera {

/// What the settings select the best epoch on: the metrics of the validation split by their
/// protocol. `negatives` as validation_negatives gave them. With several ranks `data` holds the
/// rank's users alone, and the metrics are of all.
Metrics validate(const Recommender& model, const Catalogue& catalogue, const Dataset& data,
                 const Negatives& negatives, const TrainingShare& share = {});

/// Negatives for validation: those of `file`, or drawn by the settings' seed if it is empty; none
/// under the full protocol. Errors as read_negatives.
Negatives validation_negatives(const Settings& settings, const Dataset& data, const fs::path& file);

}  // namespace tessera
