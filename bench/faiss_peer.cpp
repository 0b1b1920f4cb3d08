#include "bench/faiss_peer.h"

#include "base/error.h"

#ifdef TESSERA_FAISS
#include <algorithm>
#include <cmath>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexRefine.h>
#endif

namespace tessera {

#ifdef TESSERA_FAISS

struct FaissPeer::State {
  std::unique_ptr<faiss::Index> index;
  faiss::IndexHNSWFlat* hnsw = nullptr;
  std::unique_ptr<faiss::Index> coarse;  // below a refinement
  faiss::IndexRefineFlat* refined = nullptr;
};

bool FaissPeer::available() { return true; }

namespace {

// Each row with a last component that brings its length to that of the longest.
Matrix equally_long(MatrixView<const float> vectors) {
  std::vector<double> squares(vectors.rows);
  for (std::size_t i = 0; i < vectors.rows; ++i) {
    for (const float x : vectors.row(i)) squares[i] += double{x} * double{x};
  }
  const double longest = squares.empty() ? 0.0 : *std::ranges::max_element(squares);
  Matrix result(vectors.rows, vectors.cols + 1);
  for (std::size_t i = 0; i < vectors.rows; ++i) {
    std::copy_n(vectors[i], vectors.cols, result[i]);
    result[i][vectors.cols] = static_cast<float>(std::sqrt(longest - squares[i]));
  }
  return result;
}

}  // namespace

FaissPeer::FaissPeer(Kind kind, MatrixView<const float> vectors)
    : state_(std::make_unique<State>()) {
  const auto rows = static_cast<faiss::Index::idx_t>(vectors.rows);
  if (kind == Kind::flat) {
    state_->index = std::make_unique<faiss::IndexFlatIP>(static_cast<int>(vectors.cols));
    state_->index->add(rows, vectors.data);
    return;
  }
  if (kind == Kind::fast_scan) {
    // Two dimensions a code of four bits, learned on a sample; candidates are scored again in full.
    constexpr faiss::Index::idx_t kSample = 100'000;
    const auto width = static_cast<int>(vectors.cols);
    const int codes = width % 2 == 0 ? width / 2 : width;
    state_->coarse =
        std::make_unique<faiss::IndexPQFastScan>(width, codes, 4, faiss::METRIC_INNER_PRODUCT);
    state_->coarse->train(std::min(rows, kSample), vectors.data);
    auto refined = std::make_unique<faiss::IndexRefineFlat>(state_->coarse.get());
    refined->add(rows, vectors.data);
    state_->refined = refined.get();
    state_->index = std::move(refined);
    return;
  }
  auto hnsw = std::make_unique<faiss::IndexHNSWFlat>(static_cast<int>(vectors.cols) + 1, 32);
  state_->hnsw = hnsw.get();
  state_->index = std::move(hnsw);
  state_->index->add(rows, equally_long(vectors)[0]);
}

void FaissPeer::set_effort(int effort, std::size_t k) {
  if (state_->hnsw != nullptr) state_->hnsw->hnsw.efSearch = effort * static_cast<int>(k);
  if (state_->refined != nullptr) state_->refined->k_factor = static_cast<float>(effort);
}

std::vector<std::int64_t> FaissPeer::search(std::span<const float> state, std::size_t k) const {
  std::vector<float> query(state.begin(), state.end());
  query.resize(static_cast<std::size_t>(state_->index->d), 0.0F);
  std::vector<float> scores(k);
  std::vector<faiss::Index::idx_t> items(k);
  state_->index->search(1, query.data(), static_cast<faiss::Index::idx_t>(k), scores.data(),
                        items.data());
  return {items.begin(), items.end()};
}

#else

struct FaissPeer::State {};

bool FaissPeer::available() { return false; }
FaissPeer::FaissPeer(Kind, MatrixView<const float>) { fail("this build has no faiss"); }
void FaissPeer::set_effort(int, std::size_t) {}
std::vector<std::int64_t> FaissPeer::search(std::span<const float>, std::size_t) const {
  return {};
}

#endif

FaissPeer::FaissPeer(FaissPeer&&) noexcept = default;
FaissPeer::~FaissPeer() = default;

}  // namespace tessera
