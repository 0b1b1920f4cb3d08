#pragma once
#include <functional>

#include "bench/measurement.h"
#include "model/bundle.h"

namespace tessera {

struct FilterBenchmarkOptions {
  std::size_t items = 1'000'000;
  std::size_t k = 10;
  std::size_t rounds = 5;      ///< over all histories, for median and range
  std::size_t put = 100'000;   ///< items put by their text while searches go on; 0: none
  std::size_t neighbours = 8;  ///< whose tokens grown items mix, see grow_catalogue
  std::uint64_t seed = 1;
  std::function<void(const std::string& line)> report;  ///< told each figure as it is known
};

/// Lists for histories of item numbers over the grown catalogue, written as a bundle into the
/// directory `work` and opened as any: under filters of several selectivities, under rules, and
/// while items are put. All times are of Model::recommend without that of the user state, in
/// processor time of one thread, and each stands beside those without a filter in the same round.
std::vector<Measurement> benchmark_filters(Bundle bundle, const fs::path& bundle_directory,
                                           const std::vector<std::vector<std::int32_t>>& histories,
                                           const fs::path& work,
                                           const FilterBenchmarkOptions& options);

}  // namespace tessera
