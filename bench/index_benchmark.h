#pragma once
#include <functional>

#include "bench/measurement.h"
#include "model/catalogue.h"

namespace tessera {

struct IndexBenchmarkOptions {
  std::vector<std::size_t> items = {10'000, 100'000, 1'000'000};
  std::vector<std::size_t> k = {10, 100};
  std::size_t rounds = 5;            ///< over all states, for median and range
  bool peers = true;                 ///< faiss, where the build has it
  std::size_t hnsw_items = 100'000;  ///< no HNSW over more: it takes minutes to build
  std::size_t neighbours = 8;        ///< whose tokens grown items mix, see grow_catalogue
  std::uint64_t seed = 1;
  std::function<void(const std::string& line)> report;  ///< told each figure as it is known
};

/// Search over grown catalogues (grow_catalogue) for `states` [n, width]: build time, memory,
/// latency of one thread by every instruction set, with filters and with pending changes, and
/// throughput of all threads. A sample of the lists is held against sorting every score; throws
/// Error if one differs.
std::vector<Measurement> benchmark_index(const Recommender& model, const Catalogue& catalogue,
                                         MatrixView<const float> states,
                                         const IndexBenchmarkOptions& options);

}  // namespace tessera
