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
/// ID vector of a third one, each component moved by `spread` standard deviations of that dimension
/// times a normal deviate. With a small spread the marginal distributions stay those of the trained
/// model; with a large one ID vectors gather around no real ones.
GrownCatalogue grow_catalogue(const Recommender& model, const Catalogue& catalogue,
                              std::size_t items, double spread, std::uint64_t seed);

}  // namespace tessera
