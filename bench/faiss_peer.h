#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "base/matrix.h"

namespace tessera {

/// The same search by faiss (Johnson et al. 2017) over plain item vectors, for comparison:
/// IndexFlatIP; HNSW (Malkov and Yashunin 2018) with 32 links and 40 candidates in construction; or
/// product quantization by byte shuffles (André et al. 2015), its candidates scored again in full.
/// Graphs want a distance: HNSW stores each vector with one more component, which makes all of them
/// equally long, so that the nearest is the one of the largest inner product (Bachrach et al.
/// 2014).
class FaissPeer {
 public:
  enum class Kind { flat, hnsw, fast_scan };
  /// Whether this build has faiss; the functions below need it.
  static bool available();
  FaissPeer(Kind kind, MatrixView<const float> vectors);
  FaissPeer(FaissPeer&&) noexcept;
  ~FaissPeer();

  /// For each item of a list of k, how many candidates an approximate search keeps.
  void set_effort(int effort, std::size_t k);
  /// Item numbers of the k best for one state, by the calling thread alone.
  std::vector<std::int64_t> search(std::span<const float> state, std::size_t k) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
