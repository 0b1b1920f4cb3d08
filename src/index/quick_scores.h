#pragma once
#include <cmath>
#include <limits>

#include "index/scoring_tables.h"
#include "index/token_row.h"

namespace tessera {

/// What one state makes of the codes, in single precision: half as large, so that it stays in the
/// nearest cache, for the many items that come near the best ones and miss them.
struct QuickScores {
  std::vector<float> codes;  ///< [places · codebook size]
  double slack = 0.0;        ///< by how much a sum of them may be less than the exact one
};
QuickScores quick_scores(const TokenScores& scores, std::size_t places, std::size_t codebook_size);

/// No less than token_score() of the row's item, and hardly more; infinite where no table was made.
inline double most_score(const QuickScores& quick, const TokenScores& scores, const TokenRow& shape,
                         const std::uint8_t* row) {
  constexpr double kDoubleSlack = 1e-13;
  if (quick.codes.empty()) return std::numeric_limits<double>::infinity();
  float sums[4] = {};
  const float* place = quick.codes.data();
  shape.for_each_code(row, [&](std::size_t turn, std::size_t code) {
    sums[turn % 4] += place[code];
    place += shape.codebook_size;
  });
  double ids = quick.slack;
  shape.for_each_id(row, [&](std::size_t d, float number) {
    const double term = scores.id[d] * double{number};
    ids += term + kDoubleSlack * std::abs(term);
  });
  return double{(sums[0] + sums[1]) + (sums[2] + sums[3])} + ids;
}

}  // namespace tessera
