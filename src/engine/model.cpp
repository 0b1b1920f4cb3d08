#include "engine/model.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

/// Numbers that items put over the API may use up in the life of a model.
constexpr std::size_t kMaxLiveNumbers = 1'000'000;

std::optional<TextEncoder> encoder_of(const fs::path& bundle) {
  const fs::path file = bundle / kTextEncoderFile;
  if (!fs::exists(file)) return std::nullopt;
  return TextEncoder::load(file);
}

bool is_zero(std::span<const float> embedding) {
  return std::ranges::all_of(embedding, [](float x) { return x == 0.0F; });
}

/// The best `count` of them, best first; equal ones by number.
template <class Scored, class Value>
void keep_best(std::vector<Scored>& all, std::size_t count, const Value& value) {
  count = std::min(count, all.size());
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(all.begin(), end, all.end(),
                    [&](const Scored& a, const Scored& b) { return value(a) < value(b); });
  all.resize(count);
}

}  // namespace

Model::Model(const fs::path& bundle)
    : bundle_(read_bundle(bundle)),
      encoder_(encoder_of(bundle)),
      catalogue_items_(bundle_.items.size()),
      levels_(bundle_.catalogue.levels),
      width_(settings().width()),
      zero_id_(settings().id_width()),
      plane_(principal_plane(bundle_.catalogue.vectors)),
      index_(open_index(bundle, bundle_.model, bundle_.catalogue)) {
  if (encoder_ && settings().has_semantics() &&
      encoder_->dims() != bundle_.model.item_encoder.text_dims()) {
    fail("{}: the text encoder gives {} dims where the model reads {}: the bundle is damaged",
         bundle.string(), encoder_->dims(), bundle_.model.item_encoder.text_dims());
  }
  items_.reserve(catalogue_items_);
  vectors_.reserve(catalogue_items_ * width_);
  for (std::size_t i = 0; i < catalogue_items_; ++i) {
    CatalogueItem& item = bundle_.items[i];
    const auto number = static_cast<std::int32_t>(i);
    if (!number_of_.emplace(item.id, number).second) {
      fail("{}: two items have the id '{}': the bundle is damaged", bundle.string(), item.id);
    }
    lookup_.insert(number, item.id, item.title);
    const auto codes = std::span(bundle_.catalogue.codes).subspan(i * levels_, levels_);
    items_.push_back({{std::move(item.id), std::move(item.title), {codes.begin(), codes.end()}}});
    const auto row = static_cast<std::size_t>(bundle_.catalogue.rows[i]);
    const auto vector = bundle_.catalogue.vectors.view().row(row);
    vectors_.insert(vectors_.end(), vector.begin(), vector.end());
  }
  bundle_.items = {};
  bundle_.catalogue = {};
}

std::size_t Model::live_items() const {
  const std::shared_lock lock(mutex_);
  return live_items_;
}

std::vector<std::optional<std::int32_t>> Model::numbers(std::span<const std::string> ids) const {
  std::vector<std::optional<std::int32_t>> numbers;
  numbers.reserve(ids.size());
  const std::shared_lock lock(mutex_);
  for (const std::string& id : ids) {
    const auto found = number_of_.find(id);
    const bool known =
        found != number_of_.end() && items_[static_cast<std::size_t>(found->second)].known;
    numbers.push_back(known ? std::optional(found->second) : std::nullopt);
  }
  return numbers;
}

std::optional<std::int32_t> Model::number(std::string_view id) const {
  const std::string one[] = {std::string(id)};
  return numbers(one).front();
}

std::vector<ItemCard> Model::cards(std::span<const std::int32_t> items) const {
  std::vector<ItemCard> cards;
  cards.reserve(items.size());
  const std::shared_lock lock(mutex_);
  for (const std::int32_t item : items) {
    cards.push_back(items_[static_cast<std::size_t>(item)].card);
  }
  return cards;
}

std::vector<std::int32_t> Model::known_items() const {
  std::vector<std::int32_t> known;
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].known) known.push_back(static_cast<std::int32_t>(i));
  }
  return known;
}

std::vector<std::int32_t> Model::find(std::string_view query, std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::int32_t> found = lookup_.find(query, limit);
  // What is typed or pasted as a whole id comes first.
  const auto exact = number_of_.find(query);
  if (exact != number_of_.end() && items_[static_cast<std::size_t>(exact->second)].known) {
    std::erase(found, exact->second);
    found.insert(found.begin(), exact->second);
    found.resize(std::min(found.size(), limit));
  }
  return found;
}

std::vector<std::int32_t> Model::items_of_code(std::size_t level, std::int32_t code) const {
  std::vector<std::int32_t> found;
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].known && items_[i].card.codes[level] == code) {
      found.push_back(static_cast<std::int32_t>(i));
    }
  }
  return found;
}

std::vector<std::pair<std::int32_t, float>> Model::nearest_codes(std::size_t level,
                                                                 std::int32_t code,
                                                                 std::size_t count) const {
  const MatrixView<const float> vectors = codebook(level);
  const auto own = vectors.row(static_cast<std::size_t>(code));
  std::vector<std::pair<std::int32_t, float>> nearest;
  for (std::size_t c = 0; c < vectors.rows; ++c) {
    if (c == static_cast<std::size_t>(code)) continue;
    nearest.emplace_back(static_cast<std::int32_t>(c),
                         static_cast<float>(cosine(own, vectors.row(c))));
  }
  keep_best(nearest, count, [](const auto& a) { return std::pair(-a.second, a.first); });
  return nearest;
}

History Model::readable(History history) const {
  return history.last(std::min(history.size(), settings().max_length));
}

void Model::copy_vectors(History items, MatrixView<float> rows) const {
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::ranges::copy(vector(items[i]), rows[i]);
  }
}

std::vector<ScoredItem> Model::recommend(History history, std::size_t k, const SearchFilter& filter,
                                         StepArena& arena) const {
  const History read = readable(history);
  const MatrixView<float> vectors = arena.matrix(read.size(), width_);
  copy_vectors(read, vectors);
  const std::int32_t offsets[] = {0, static_cast<std::int32_t>(read.size())};
  const MatrixView<float> state = arena.matrix(1, width_);
  sequence_states(bundle_.model, vectors, offsets, arena, state);
  return index_->search(state.row(0), k, filter);
}

void Model::states(std::span<const History> histories, MatrixView<float> states) const {
  user_states(bundle_.model, std::bind_front(&Model::copy_vectors, this), histories, states);
}

std::vector<std::vector<ScoredItem>> Model::recommend_many(std::span<const History> histories,
                                                           const TopItemsOptions& options) const {
  return top_items(bundle_.model, std::bind_front(&Model::copy_vectors, this), *index_, histories,
                   options);
}

std::vector<ScoredItem> Model::similar(std::int32_t item, std::size_t k) const {
  std::vector<ScoredItem> all;
  const std::shared_lock lock(mutex_);
  all.reserve(items_.size());
  const std::span<const float> own = vector(item);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto other = static_cast<std::int32_t>(i);
    if (other != item && items_[i].known) {
      all.push_back({other, static_cast<float>(cosine(own, vector(other)))});
    }
  }
  keep_best(all, k, [](const ScoredItem& a) { return std::pair(-a.score, a.item); });
  return all;
}

Explanation Model::explain(History history, std::int32_t item, StepArena& arena) const {
  const History read = readable(history);
  const std::size_t length = read.size();
  // The whole history, then the history without its event i, for each i, end to end.
  const MatrixView<float> vectors = arena.matrix(length + length * (length - 1), width_);
  const std::span<std::int32_t> offsets = arena.take<std::int32_t>(length + 2);
  copy_vectors(read, vectors.row_block(0, length));
  offsets[0] = 0;
  offsets[1] = static_cast<std::int32_t>(length);
  std::size_t row = length;
  for (std::size_t left_out = 0; left_out < length; ++left_out) {
    for (std::size_t i = 0; i < length; ++i) {
      if (i != left_out) std::copy_n(vectors[i], width_, vectors[row++]);
    }
    offsets[left_out + 2] = static_cast<std::int32_t>(row);
  }
  const MatrixView<float> states = arena.matrix(length + 1, width_);
  sequence_states(bundle_.model, vectors, offsets, arena, states);

  std::vector<float> target(width_);
  std::vector<std::int32_t> codes;
  {
    const std::shared_lock lock(mutex_);
    std::ranges::copy(vector(item), target.begin());
    codes = items_[static_cast<std::size_t>(item)].card.codes;
  }
  Explanation why;
  const std::span<const float> state = states.row(0);
  why.score = dot(state, target);
  for (std::size_t l = 0; l < levels_; ++l) {
    const auto [rows, column] = bundle_.model.item_encoder.token_table(l);
    why.tokens.push_back(
        dot(state.subspan(column, rows.cols), rows.row(static_cast<std::size_t>(codes[l]))));
  }
  const std::size_t shared = settings().shared_width();
  why.id_token = dot(state.subspan(shared), std::span<const float>(target).subspan(shared));
  for (std::size_t i = 0; i < length; ++i) {
    why.history.push_back(why.score - dot(states.row(i + 1), target));
  }
  return why;
}

std::vector<Model::Point> Model::map() const {
  std::vector<Point> points;
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].known) continue;
    const auto item = static_cast<std::int32_t>(i);
    const std::vector<std::int32_t>& codes = items_[i].card.codes;
    points.push_back({item, plane_.place(vector(item)), codes.empty() ? -1 : codes.front()});
  }
  return points;
}

Model::Point Model::point(std::int32_t item) const {
  const std::shared_lock lock(mutex_);
  const std::vector<std::int32_t>& codes = items_[static_cast<std::size_t>(item)].card.codes;
  return {item, plane_.place(vector(item)), codes.empty() ? -1 : codes.front()};
}

ItemTokens Model::tokens_of(std::string_view text, StepArena& arena) const {
  if (!settings().has_semantics()) fail("this model has ID tokens alone: it reads no text");
  if (!encoder_) fail("this model's bundle has no text encoder: items cannot be put");
  const std::string_view texts[] = {text};
  const Matrix embedding = encoder_->encode(texts);
  if (is_zero(embedding.span())) fail("the text holds no word that the model knows");
  return {encode_item(bundle_.model, embedding.view().row(0), arena)};
}

ItemTokens Model::tokens_of(std::span<const float> embedding, StepArena& arena) const {
  if (!std::ranges::all_of(embedding, [](float x) { return std::isfinite(x); })) {
    fail("the embedding holds NaN or Inf; correct it");
  }
  if (is_zero(embedding)) fail("the embedding is zero, which says nothing of the item");
  return {encode_item(bundle_.model, embedding, arena)};
}

std::span<const float> Model::learned_id(std::int32_t item) const {
  const auto number = static_cast<std::size_t>(item);
  if (number >= catalogue_items_ || zero_id_.empty()) return zero_id_;
  return bundle_.model.item_encoder.ids.value.view().row(number);
}

History Model::learned_codes(std::int32_t item) const {
  const CollaborativeTokens& tokens = bundle_.model.item_encoder.collaborative;
  const auto number = static_cast<std::size_t>(item);
  if (number >= catalogue_items_) return {};
  return std::span(tokens.codes).subspan(number * tokens.parts, tokens.parts);
}

void Model::put(const std::string& id, const std::string& title, const ItemTokens& tokens) {
  const std::unique_lock lock(mutex_);
  const auto known_number = number_of_.find(id);
  const bool fresh = known_number == number_of_.end();
  if (fresh && items_.size() >= catalogue_items_ + kMaxLiveNumbers) {
    fail("{} items were put since the model was loaded: load it anew to make room",
         kMaxLiveNumbers);
  }
  const std::int32_t number =
      fresh ? static_cast<std::int32_t>(items_.size()) : known_number->second;
  const std::span<const float> id_token = learned_id(number);
  std::vector<std::int32_t> codes = tokens.codes;
  std::ranges::copy(learned_codes(number),
                    codes.begin() + static_cast<std::ptrdiff_t>(settings().levels));
  const std::vector<float> vector = item_vector(bundle_.model, codes, id_token);
  if (fresh) {
    number_of_.emplace(id, number);
    items_.push_back({{id, title, codes, true}, false});
    vectors_.insert(vectors_.end(), vector.begin(), vector.end());
  }
  Item& item = items_[static_cast<std::size_t>(number)];
  if (item.known) {
    lookup_.erase(number, id, item.card.title);
    if (item.card.live) --live_items_;
  }
  item = {{id, title, codes, true}, true};
  ++live_items_;
  std::ranges::copy(vector, vectors_.begin() + static_cast<std::ptrdiff_t>(
                                                   static_cast<std::size_t>(number) * width_));
  lookup_.insert(number, id, title);
  index_->put(number, codes, id_token);
}

bool Model::erase(std::string_view id) {
  const std::unique_lock lock(mutex_);
  const auto found = number_of_.find(id);
  if (found == number_of_.end()) return false;
  Item& item = items_[static_cast<std::size_t>(found->second)];
  if (!item.known) return false;
  item.known = false;
  if (item.card.live) --live_items_;
  lookup_.erase(found->second, id, item.card.title);
  index_->remove(found->second);
  return true;
}

}  // namespace tessera
