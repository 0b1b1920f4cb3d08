#pragma once
#include "index/score_axes.h"

namespace tessera {

/// Tokens of a catalogue larger than the one a model was trained on.
struct GrownCatalogue {
  std::vector<std::int32_t> codes;  ///< [items, levels]
  Matrix ids;                       ///< [items, ID dims]
};

/// The first items are the real ones, as many as fit. Each further item is made around a real one
/// drawn at random: each of its codes, and its ID vector, is that item's own or, half of the time,
/// that of one of its nearest neighbours, as the model's states see distances. Tokens then mix as
/// they do among real items that are alike, and scores are distributed as theirs
/// (`score_distribution`).
GrownCatalogue grow_catalogue(const Recommender& model, const Catalogue& catalogue,
                              const ScoreAxes& axes, std::size_t items, std::size_t neighbours,
                              std::uint64_t seed);

/// How scores of a state lie over a catalogue; means over the states.
struct ScoreDistribution {
  double spread = 0;  ///< standard deviation
  double gap = 0;     ///< of the score that 1 item in 1,000 reaches to the mean, in spreads
  double near = 0;    ///< share of items within a tenth of that score, where it is positive
};
/// Of `vectors` [items, width], 1,000 or more, for `states` [n, width].
ScoreDistribution score_distribution(MatrixView<const float> vectors,
                                     MatrixView<const float> states);

}  // namespace tessera
