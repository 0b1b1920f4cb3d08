#pragma once
#include "data/negatives.h"
#include "model/catalogue.h"
#include "model/metrics.h"
#include "ranks/ranks.h"

namespace tessera {

/// The places of the validation targets of this rank's users (`data`, `negatives`), by the
/// settings' protocol, where the catalogue's vectors lie with the ranks: none holds more of them
/// than its own items' (`own`) and a block of the others'. Throws Error if a score is not a number.
std::vector<TargetPlace> rank_by_blocks(const Recommender& model, const Catalogue& own,
                                        const Dataset& data, const Negatives& negatives,
                                        const Ranks& ranks);

}  // namespace tessera
