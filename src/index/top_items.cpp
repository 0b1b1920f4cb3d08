#include "index/top_items.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::size_t kHistoryBlock = 256;

std::vector<ScoredItem> best_of(std::span<const float> scores, History history,
                                const TopItemsOptions& options) {
  std::vector<bool> excluded(scores.size());
  if (options.exclude_history) {
    for (const std::int32_t item : history) excluded[static_cast<std::size_t>(item)] = true;
  }
  std::vector<ScoredItem> items;
  items.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) {
      fail("the score of an item is not a number: the model is damaged or has diverged");
    }
    if (!excluded[i]) items.push_back({static_cast<std::int32_t>(i), scores[i]});
  }
  const std::size_t count = std::min(options.k, items.size());
  std::ranges::partial_sort(items, items.begin() + static_cast<std::ptrdiff_t>(count),
                            [](const ScoredItem& a, const ScoredItem& b) {
                              return a.score != b.score ? a.score > b.score : a.item < b.item;
                            });
  items.resize(count);
  return items;
}

}  // namespace

std::vector<std::vector<ScoredItem>> top_items(const Recommender& model, const Catalogue& catalogue,
                                               std::span<const History> histories,
                                               const TopItemsOptions& options) {
  std::vector<std::vector<ScoredItem>> result;
  result.reserve(histories.size());
  const std::size_t block = std::min(kHistoryBlock, histories.size());
  Matrix states(block, model.settings.width());
  Matrix scores(block, catalogue.items());
  for (std::size_t first = 0; first < histories.size(); first += block) {
    if (options.progress) options.progress(first, histories.size());
    const auto part = histories.subspan(first, std::min(block, histories.size() - first));
    const MatrixView<float> part_states = states.view().row_block(0, part.size());
    user_states(model, catalogue, part, part_states);
    score_catalogue(catalogue, part_states, scores.view().row_block(0, part.size()));
    for (std::size_t i = 0; i < part.size(); ++i) {
      result.push_back(best_of(scores.view().row(i), part[i], options));
    }
  }
  return result;
}

}  // namespace tessera
