#pragma once
#include "data/negatives.h"
#include "model/catalogue.h"
#include "model/metrics.h"
#include "train/training_share.h"

namespace tessera {

/// What the settings select the best epoch on: the metrics of the validation split by their
/// protocol, over the users of all ranks. Each ranks the targets of its own users (`data`,
/// `negatives`), and none holds more of the catalogue's vectors than its own items' (`own`) and a
/// block of the others'; one that holds all items ranks as evaluation does. `model` is read for its
/// settings and transformer alone, `negatives` as validation_negatives gave them. Throws Error if a
/// score is not a number.
Metrics validate(const Recommender& model, const Catalogue& own, const Dataset& data,
                 const Negatives& negatives, const TrainingShare& share = {});

/// The places of their targets, of the users of `data` in the order of evaluated_users.
std::vector<TargetPlace> validation_places(const Recommender& model, const Catalogue& own,
                                           const Dataset& data, const Negatives& negatives,
                                           const Ranks& ranks = {});

/// Negatives for validation: those of `file`, or drawn by the settings' seed if it is empty; none
/// under the full protocol. Errors as read_negatives.
Negatives validation_negatives(const Settings& settings, const Dataset& data, const fs::path& file);

}  // namespace tessera
