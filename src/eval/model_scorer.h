#pragma once
#include "eval/protocol.h"
#include "model/catalogue.h"

namespace tessera {

/// Scores by a trained model. The three arguments must outlive the scorer.
Scorer model_scorer(const Recommender& model, const Catalogue& catalogue, const Dataset& data);

}  // namespace tessera
