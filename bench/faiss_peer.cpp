#include "bench/faiss_peer.h"

#include "base/error.h"

#ifdef TESSERA_FAISS
#include <algorithm>
#include <cmath>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#endif

namespace tessera {

#ifdef TESSERA_FAISS

struct FaissPeer::State {
  std::unique_ptr<faiss::Index> index;
  faiss::IndexHNSWFlat* hnsw = nullptr;
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
  auto hnsw = std::make_unique<faiss::IndexHNSWFlat>(static_cast<int>(vectors.cols) + 1, 32);
  state_->hnsw = hnsw.get();
  state_->index = std::move(hnsw);
  state_->index->add(rows, equally_long(vectors)[0]);
}

void FaissPeer::set_ef(int ef) { state_->hnsw->hnsw.efSearch = ef; }

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
void FaissPeer::set_ef(int) {}
std::vector<std::int64_t> FaissPeer::search(std::span<const float>, std::size_t) const {
  return {};
}

#endif

FaissPeer::~FaissPeer() = default;

}  // namespace tessera
