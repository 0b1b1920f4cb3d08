#pragma once
#include "base/progress.h"
#include "index/item_index.h"

namespace tessera {

struct TopItemsOptions {
  std::size_t k = 10;
  bool exclude_history = true;  ///< never recommend an item of the history itself
  ProgressFunction progress = {};
};

/// The k best items for the state after each history, best first; fewer where the catalogue leaves
/// fewer; `copy_vectors` gives the vectors of its items. Histories are done in blocks, each by all
/// threads. Throws Error if a state is not finite.
std::vector<std::vector<ScoredItem>> top_items(const Recommender& model,
                                               const CopyVectors& copy_vectors,
                                               const ItemIndex& index,
                                               std::span<const History> histories,
                                               const TopItemsOptions& options);

}  // namespace tessera
