#pragma once
#include <shared_mutex>

#include "index/search.h"
#include "model/catalogue.h"

namespace tessera {

/// Exact top-k over a catalogue that changes while it is searched. Every function may be called
/// from several threads at once; a change is seen by every search that starts after it returned.
class ItemIndex {
 public:
  ItemIndex(const Recommender& model, const Catalogue& catalogue);

  /// The k items of the best scores <state, item vector> that pass the filter, best first; fewer
  /// where fewer pass. Equal scores stand in the order of item numbers, which are random (see
  /// Dataset). `state` [width]. Throws Error if the state is not finite.
  std::vector<ScoredItem> search(std::span<const float> state, std::size_t k,
                                 const SearchFilter& filter = {}) const;

  /// Adds the item or replaces it. `codes` [levels], `id` [ID dims]. Throws Error for a code out of
  /// range, a negative item number or an ID vector that is not finite.
  void put(std::int32_t item, std::span<const std::int32_t> codes, std::span<const float> id);
  /// Takes the item out, if it is there.
  void remove(std::int32_t item);
  /// How many items there are.
  std::size_t size() const;

 private:
  const Recommender& model_;
  mutable std::shared_mutex mutex_;
  std::vector<std::vector<float>> vectors_;  // [items]; empty: no such item
};

}  // namespace tessera
