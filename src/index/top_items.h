#pragma once
#include "base/progress.h"
#include "index/search.h"
#include "model/catalogue.h"

namespace tessera {

struct TopItemsOptions {
  std::size_t k = 10;
  bool exclude_history = true;  ///< never recommend an item of the history itself
  ProgressFunction progress = {};
};

/// The k best items for the state after each history, best first, by scoring the whole catalogue;
/// fewer where the catalogue leaves fewer. Equal scores stand in the order of item numbers, which
/// are random (see Dataset). Throws Error if a score is not a number.
std::vector<std::vector<ScoredItem>> top_items(const Recommender& model, const Catalogue& catalogue,
                                               std::span<const History> histories,
                                               const TopItemsOptions& options);

}  // namespace tessera
