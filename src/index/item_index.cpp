#include "index/item_index.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "kernels/elementwise.h"

namespace tessera {

ItemIndex::ItemIndex(const Recommender& model, const Catalogue& catalogue) : model_(model) {
  for (const std::int32_t row : catalogue.rows) {
    const float* vector = catalogue.vectors[static_cast<std::size_t>(row)];
    vectors_.emplace_back(vector, vector + catalogue.vectors.cols());
  }
}

std::vector<ScoredItem> ItemIndex::search(std::span<const float> state, std::size_t k,
                                          const SearchFilter& filter) const {
  for (const float value : state) {
    if (!std::isfinite(value)) fail("the user's state is not finite: the model is damaged");
  }
  const std::shared_lock lock(mutex_);
  std::vector<ScoredItem> found;
  for (std::size_t i = 0; i < vectors_.size(); ++i) {
    const auto item = static_cast<std::int32_t>(i);
    if (vectors_[i].empty()) continue;
    if (filter.allowed != nullptr && !filter.allowed->contains(item)) continue;
    if (std::ranges::find(filter.excluded, item) != filter.excluded.end()) continue;
    if (filter.accepts && !filter.accepts(item)) continue;
    found.push_back({item, dot(state, vectors_[i])});
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(k, found.size()));
  std::ranges::partial_sort(found, found.begin() + count, [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
  found.resize(static_cast<std::size_t>(count));
  return found;
}

void ItemIndex::put(std::int32_t item, std::span<const std::int32_t> codes,
                    std::span<const float> id) {
  if (item < 0) fail("item number {} is negative", item);
  std::vector<float> vector(model_.settings.semantic_width());
  if (!codes.empty()) model_.item_encoder.quantizer.decode(codes.data(), vector.data());
  vector.insert(vector.end(), id.begin(), id.end());
  const std::unique_lock lock(mutex_);
  const auto at = static_cast<std::size_t>(item);
  if (at >= vectors_.size()) vectors_.resize(at + 1);
  vectors_[at] = std::move(vector);
}

void ItemIndex::remove(std::int32_t item) {
  const std::unique_lock lock(mutex_);
  const auto at = static_cast<std::size_t>(item);
  if (at < vectors_.size()) vectors_[at].clear();
}

std::size_t ItemIndex::size() const {
  const std::shared_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(vectors_, [](const auto& vector) { return !vector.empty(); }));
}

}  // namespace tessera
