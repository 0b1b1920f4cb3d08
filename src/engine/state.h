// What a Model holds; its functions are in model.cpp, answers.cpp, tokens.cpp and changes.cpp.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "attributes/item_filter.h"
#include "engine/arenas.h"
#include "engine/item_lookup.h"
#include "engine/plane.h"
#include "index/index_file.h"
#include "model/bundle.h"
#include "tessera/model.h"
#include "text/text_encoder.h"

namespace tessera {

struct Model::State {
  explicit State(const fs::path& directory);

  struct Item {
    std::string id, title;
    std::int32_t put = -1;  ///< its row of put_codes and put_vectors; -1: as in the bundle
    bool known = true;      ///< false once it was erased
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  const Settings& settings() const { return bundle.model.settings; }
  std::size_t levels() const { return settings().has_semantics() ? settings().levels : 0; }
  std::size_t codebooks(TokenKind kind) const;
  std::size_t collaborative() const {
    return settings().has_collaborative() ? settings().collaborative_tokens : 0;
  }
  /// Where a token stands among an item's codes; throws UsageError if there is no such token.
  std::size_t place_of(const Token& token) const;
  /// The plane of the bundle's vectors, found by the first call.
  const Plane& plane();

  // The following take the lock.
  /// Throws Error if one of them is no item's number.
  void check(History numbers) const;
  void check(const RecommendOptions& options) const;
  void check(const Rules& rules) const;
  void check(const Blend& blend) const;
  /// How many events of the item training saw; 0 for items put, or where the bundle does not say.
  std::size_t events_of(std::int32_t item) const;
  bool is_known(std::int32_t number) const;
  /// How many numbers are given out.
  std::size_t numbers() const;
  void copy_vectors(History numbers, MatrixView<float> rows) const;
  CopyVectors copier() const;
  /// Makes `lookup` unless it is there.
  void prepare_lookup();

  /// The numbers of items that a list may hold by their attributes: those that pass the filter, if
  /// one is given, and have not ended. Null: all.
  std::shared_ptr<const ItemSet> passing(const Filter* filter) const;
  /// The k items of the largest cosines with the direction [width], of those that pass the filter
  /// (null: all) and are not among `without`.
  std::vector<Neighbour> nearest(std::span<const float> direction, std::size_t k,
                                 const Filter* filter, History without) const;
  using Accepts = std::function<bool(std::int32_t)>;  // is called with the lock held
  /// The first `count` items of the fall-back that are accepted; `trending` as of Model::fall_back.
  std::vector<SourcedItem> fall_back(const Fallback& fallback, History trending, std::size_t count,
                                     const Accepts& accepts) const;
  /// The items that were put last, or are the latest by an attribute, of those that are accepted.
  std::vector<std::int32_t> newest(std::size_t count, const Accepts& accepts) const;

  // These want it to be held.
  /// Throws Error if no item has the number.
  const Item& item(std::int32_t number) const;
  /// The number of an item that is known.
  std::optional<std::int32_t> known(std::string_view id) const;
  /// Semantic ones, then collaborative ones.
  std::span<const std::int32_t> codes(const Item& item) const;
  std::span<const float> vector(const Item& item) const;
  ItemCard card(const Item& item) const;
  MapPoint point(std::int32_t number, const Plane& shown) const;
  /// What items get by their embeddings [items, text dims]. Throws Error for another width.
  std::vector<ItemTokens> encode(MatrixView<const float> embeddings) const;
  /// What an item is stored with: an item of the bundle keeps what it learned. `number`: of an item
  /// that is there already. Throws Error for tokens that the model cannot have.
  std::vector<std::int32_t> codes_to_put(const ItemTokens& tokens,
                                         std::optional<std::int32_t> number) const;
  std::vector<float> id_token(std::optional<std::int32_t> number) const;
  /// The number of an id: the item's own, or a new one, whose item is not known yet. Throws Error
  /// if there are no more.
  std::int32_t number_to_put(const std::string& id);
  /// Fills in the item of the number, and forgets what it was.
  void fill_in(std::int32_t number, const std::string& title, std::span<const std::int32_t> codes,
               std::span<const float> vector);
  void forget(Item& item);
  void put(std::span<const NewItem> fresh);

  Bundle bundle;  ///< without the items' names, which are in `items`
  std::string config;
  std::optional<TextEncoder> encoder;
  std::unique_ptr<ItemIndex> index;
  ItemFilter attributes;                 // has a lock of its own
  std::vector<std::int32_t> popularity;  ///< [catalogue items], events that training saw; or empty
  std::vector<std::int32_t> by_popularity;  ///< items in that order, the most popular first
  std::vector<TrendingItem> trending;       ///< in training, the most touched of late first
  double last_event = 0.0;
  mutable Arenas arenas;
  std::once_flag plane_once;
  Plane plane_of_vectors;

  mutable std::shared_mutex mutex;      // guards what follows
  std::vector<Item> items;              // by number; first those of the bundle
  std::vector<std::int32_t> put_codes;  // [rows, codes]
  std::vector<float> put_vectors;       // [rows, width]
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> number_of;
  std::unordered_map<std::int32_t, std::string> bundle_titles;  // of items put in others' place
  std::optional<ItemLookup> lookup;                             // made by the first `find`
  std::size_t live_items = 0;
};

/// The best `count`, best first by ascending `value`.
template <class Scored, class Value>
void keep_best(std::vector<Scored>& all, std::size_t count, const Value& value) {
  count = std::min(count, all.size());
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(all.begin(), end, all.end(),
                    [&](const Scored& a, const Scored& b) { return value(a) < value(b); });
  all.resize(count);
}

}  // namespace tessera
