#pragma once
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "base/arena.h"
#include "engine/item_lookup.h"
#include "engine/plane.h"
#include "index/index_file.h"
#include "index/top_items.h"
#include "model/bundle.h"
#include "text/text_encoder.h"

namespace tessera {

/// What can be shown of an item.
struct ItemCard {
  std::string id, title;
  std::vector<std::int32_t> codes;  ///< [levels]
  bool live = false;                ///< put over the API
};

/// An item's tokens before it is put: the expensive part, which changes nothing.
struct ItemTokens {
  std::vector<std::int32_t> codes;  ///< [levels]
};

/// Why an item scores as it does for a history.
struct Explanation {
  float score = 0.0F;
  /// [levels]: each semantic token's part of the score; with `id_token` they add up to it.
  std::vector<float> tokens;
  float id_token = 0.0F;
  /// For each item of the history that the model reads, by how much the score would fall without
  /// it; they do not add up to the score.
  std::vector<float> history;
};

/// A bundle made ready to serve: the model, its text encoder, the index, the items' names, and the
/// items put while it serves. Every function may be called from several threads at once.
///
/// An item has a number that stays its own for as long as the model serves, also after the item was
/// erased, so that a number found by a search always names the item that was scored.
class Model {
 public:
  /// Throws Error as read_bundle does. A bundle without a text encoder serves, but takes no items.
  explicit Model(const fs::path& bundle);

  const Settings& settings() const { return bundle_.model.settings; }
  const nlohmann::json& config() const { return bundle_.config; }
  /// How many items can be recommended, and how many of the catalogue's own there were.
  std::size_t items() const { return index_->size(); }
  std::size_t catalogue_items() const { return catalogue_items_; }
  std::size_t live_items() const;
  std::size_t levels() const { return levels_; }

  /// The number of each id; nothing where no such item is known or it was erased.
  std::vector<std::optional<std::int32_t>> numbers(std::span<const std::string> ids) const;
  std::optional<std::int32_t> number(std::string_view id) const;
  std::vector<ItemCard> cards(std::span<const std::int32_t> items) const;
  /// The numbers of all items that are known, ascending.
  std::vector<std::int32_t> known_items() const;
  std::vector<std::int32_t> find(std::string_view query, std::size_t limit) const;
  /// Items with this code at a level (from 0), and the codes nearest to it by cosine, best first.
  std::vector<std::int32_t> items_of_code(std::size_t level, std::int32_t code) const;
  std::vector<std::pair<std::int32_t, float>> nearest_codes(std::size_t level, std::int32_t code,
                                                            std::size_t count) const;

  /// The best items for the history (item numbers, oldest first, not empty).
  std::vector<ScoredItem> recommend(History history, std::size_t k, const SearchFilter& filter,
                                    StepArena& arena) const;
  /// top_items for many histories. Equal to those of the bundle's catalogue bit by bit as long as
  /// no item was put.
  std::vector<std::vector<ScoredItem>> recommend_many(std::span<const History> histories,
                                                      const TopItemsOptions& options) const;
  /// The state after each history, states [histories, width]: an item's score is the inner product
  /// of state and item vector.
  void states(std::span<const History> histories, MatrixView<float> states) const;
  /// Copies the vectors of the items to `rows` [items, width].
  void copy_vectors(History items, MatrixView<float> rows) const;
  /// The vectors behind the codes of a level (from 0), [codes, dims].
  MatrixView<const float> codebook(std::size_t level) const {
    return bundle_.model.item_encoder.token_table(level).rows;
  }
  /// The items whose vectors have the largest cosine with this one's, without itself; the score is
  /// the cosine.
  std::vector<ScoredItem> similar(std::int32_t item, std::size_t k) const;
  Explanation explain(History history, std::int32_t item, StepArena& arena) const;

  struct Point {
    std::int32_t item;
    std::array<float, 2> place;
    std::int32_t code;  ///< of the first level; -1 without semantic tokens
  };
  /// Where an item lies in the principal plane of the catalogue's vectors as they were loaded.
  std::vector<Point> map() const;
  Point point(std::int32_t item) const;

  /// Whether items can be put: the model reads text and its bundle has the encoder.
  bool reads_text() const { return encoder_.has_value() && settings().has_semantics(); }
  /// Throws Error if the model does not read text, or knows no word of it.
  ItemTokens tokens_of(std::string_view text, StepArena& arena) const;
  /// The same from the text's embedding, by whatever encoder made those of the dataset. Throws
  /// Error for another width, for NaN or Inf, and for zeros.
  ItemTokens tokens_of(std::span<const float> embedding, StepArena& arena) const;
  /// Adds the item or replaces it; it is recommendable when this returns. An item of the catalogue
  /// keeps its learned ID token and collaborative codes; a new one has the zero vector for an ID
  /// token, and the codes its text predicts, until a model is trained with it. Throws Error when
  /// there is no room for more numbers.
  void put(const std::string& id, const std::string& title, const ItemTokens& tokens);
  /// False if it was not known.
  bool erase(std::string_view id);

 private:
  struct Item {
    ItemCard card;
    bool known = true;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::span<const float> vector(std::int32_t item) const {
    return std::span(vectors_).subspan(static_cast<std::size_t>(item) * width_, width_);
  }
  std::span<const float> learned_id(std::int32_t item) const;
  /// The collaborative codes of an item of the catalogue; empty for others.
  History learned_codes(std::int32_t item) const;
  History readable(History history) const;

  Bundle bundle_;
  std::optional<TextEncoder> encoder_;
  std::size_t catalogue_items_ = 0, levels_ = 0, width_ = 0;
  std::vector<float> zero_id_;
  Plane plane_;
  std::unique_ptr<ItemIndex> index_;

  mutable std::shared_mutex mutex_;  // guards what follows
  std::vector<Item> items_;
  std::vector<float> vectors_;  // [items, width]
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> number_of_;
  ItemLookup lookup_;
  std::size_t live_items_ = 0;
};

}  // namespace tessera
