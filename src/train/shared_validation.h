#pragma once
#include "data/negatives.h"
#include "model/catalogue.h"
#include "model/metrics.h"
#include "train/training_share.h"

namespace tessera {

/// What `validate` finds, by several ranks: each ranks the targets of its own users (`data`,
/// `negatives`), and none holds more of the catalogue's vectors than its own items' (`own`) and a
/// block of the others'. `model` is read for its settings and transformer alone. Every rank gets
/// the metrics of all users. Throws Error if a score is not a number.
Metrics validate_shared(const Recommender& model, const Catalogue& own, const Dataset& data,
                        const Negatives& negatives, const TrainingShare& share);

}  // namespace tessera
