#include "index/quick_scores.h"

#include <algorithm>
#include <cmath>

namespace tessera {

QuickScores quick_scores(const TokenScores& scores, std::size_t places, std::size_t codebook_size) {
  // A number is rounded by 2⁻²⁴ of itself, and each of the sums that it takes part in by as much
  // of that sum, which is no larger than the largest terms together. Rounding of the exact sum is
  // far less.
  constexpr double kRounding = 0x1.01p-24;
  QuickScores quick;
  quick.codes.assign(scores.codes.begin(), scores.codes.end());
  double largest = 0.0;
  for (std::size_t l = 0; l < places; ++l) {
    double most = 0.0;
    for (const double score : std::span(scores.codes).subspan(l * codebook_size, codebook_size)) {
      most = std::max(most, std::abs(score));
    }
    largest += most;
  }
  const auto sums = static_cast<double>(places + 8);
  quick.slack = sums * kRounding * largest;
  return quick;
}

}  // namespace tessera
