#include "tune/halving.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tessera {

std::size_t rung_epochs(std::size_t rung, std::size_t epochs) {
  std::size_t divisor = 1;
  for (std::size_t r = rung + 1; r < kRungs; ++r) divisor *= kReduction;
  return (epochs + divisor - 1) / divisor;
}

std::vector<std::size_t> promoted(std::span<const std::optional<double>> values) {
  std::vector<std::size_t> best(values.size());
  std::iota(best.begin(), best.end(), std::size_t{0});
  std::erase_if(best, [&](std::size_t i) { return !values[i]; });
  std::ranges::sort(best, {}, [&](std::size_t i) { return std::pair(-*values[i], i); });
  best.resize(std::min(best.size(), (values.size() + kReduction - 1) / kReduction));
  std::ranges::sort(best);
  return best;
}

}  // namespace tessera
