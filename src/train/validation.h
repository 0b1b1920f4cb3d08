#pragma once
#include "data/negatives.h"
#include "model/catalogue.h"
#include "model/metrics.h"

namespace tessera {

/// What the settings select the best epoch on: the metrics of the validation split by their
/// protocol. `negatives` as validation_negatives gave them.
Metrics validate(const Recommender& model, const Catalogue& catalogue, const Dataset& data,
                 const Negatives& negatives);

/// Negatives for validation: those of `file`, or drawn by the settings' seed if it is empty; none
/// under the full protocol. Errors as read_negatives.
Negatives validation_negatives(const Settings& settings, const Dataset& data, const fs::path& file);

}  // namespace tessera
