#pragma once
#include "model/catalogue.h"

namespace tessera {

/// Tokens of a catalogue larger than the one a model was trained on.
struct GrownCatalogue {
  std::vector<std::int32_t> codes;  ///< [items, levels]
  Matrix ids;                       ///< [items, ID dims]
};

/// The first items are the real ones, as many as fit. Each further item has the codes of a real one
/// drawn at random, but for the last code, which half of the time is another real item's; and the
/// ID vector of a third one, each component moved by a tenth of that dimension's standard deviation
/// times a normal deviate. So the marginal distributions stay those of the trained model.
GrownCatalogue grow_catalogue(const Recommender& model, const Catalogue& catalogue,
                              std::size_t items, std::uint64_t seed);

}  // namespace tessera
