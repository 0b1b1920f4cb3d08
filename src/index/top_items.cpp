#include "index/top_items.h"

namespace tessera {
namespace {

constexpr std::size_t kHistoryBlock = 256;

}  // namespace

std::vector<std::vector<ScoredItem>> top_items(const Recommender& model,
                                               const CopyVectors& copy_vectors,
                                               const ItemIndex& index,
                                               std::span<const History> histories,
                                               const TopItemsOptions& options) {
  std::vector<std::vector<ScoredItem>> result;
  result.reserve(histories.size());
  const std::size_t block = std::min(kHistoryBlock, histories.size());
  Matrix states(block, model.settings.width());
  for (std::size_t first = 0; first < histories.size(); first += block) {
    if (options.progress) options.progress(first, histories.size());
    const auto part = histories.subspan(first, std::min(block, histories.size() - first));
    const MatrixView<float> part_states = states.view().row_block(0, part.size());
    user_states(model, copy_vectors, part, part_states);
    std::vector<SearchFilter> filters(part.size());
    if (options.exclude_history) {
      for (std::size_t i = 0; i < part.size(); ++i) filters[i].excluded = part[i];
    }
    for (auto& list : index.search_batch(part_states, options.k, filters)) {
      result.push_back(std::move(list));
    }
  }
  return result;
}

}  // namespace tessera
