// Items put into a model and erased from it.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/item_texts.h"
#include "engine/state.h"

namespace tessera {
namespace {

/// Numbers that put items may use up in the life of a model.
constexpr std::size_t kMaxPutNumbers = 1'000'000;
/// Texts that are encoded together: enough for matrix products, and little memory.
constexpr std::size_t kTextsAtOnce = 512;

}  // namespace

bool Model::reads_text() const {
  return state_->encoder.has_value() && state_->settings().has_semantics();
}

ItemTokens Model::tokens_of(std::string_view text) const {
  auto tokens = tokens_of(std::span(&text, 1)).front();
  if (!tokens) fail("the text holds no word that the model knows");
  return std::move(*tokens);
}

std::vector<std::optional<ItemTokens>> Model::tokens_of(
    std::span<const std::string_view> texts) const {
  if (!state_->settings().has_semantics()) {
    fail("this model has ID tokens alone: it reads no text");
  }
  if (!state_->encoder) fail("this model's bundle has no text encoder: items cannot be put");
  std::vector<std::optional<ItemTokens>> tokens(texts.size());
  for (std::size_t first = 0; first < texts.size(); first += kTextsAtOnce) {
    const auto block = texts.subspan(first, std::min(kTextsAtOnce, texts.size() - first));
    const Matrix embeddings = state_->encoder->encode(block);
    std::vector<ItemTokens> found = state_->encode(embeddings);
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (!is_zero(embeddings.view().row(i))) tokens[first + i] = std::move(found[i]);
    }
  }
  return tokens;
}

ItemTokens Model::tokens_of(std::span<const float> embedding) const {
  if (!std::ranges::all_of(embedding, [](float x) { return std::isfinite(x); })) {
    fail("the embedding holds NaN or Inf; correct it");
  }
  if (is_zero(embedding)) fail("the embedding is zero, which says nothing of the item");
  return std::move(state_->encode({embedding.data(), 1, embedding.size()}).front());
}

std::vector<ItemTokens> Model::State::encode(MatrixView<const float> embeddings) const {
  const Arenas::Lease arena(arenas);
  const std::vector<std::int32_t> codes = encode_items(bundle.model, embeddings, *arena);
  const std::size_t places = settings().codes(), levels = settings().levels;
  std::vector<ItemTokens> tokens;
  for (auto at = codes.begin(); at != codes.end(); at += std::ptrdiff_t(places)) {
    const auto split = at + std::ptrdiff_t(levels);
    tokens.push_back({{at, split}, {split, at + std::ptrdiff_t(places)}});
  }
  return tokens;
}

std::vector<std::int32_t> Model::State::codes_to_put(const ItemTokens& tokens,
                                                     std::optional<std::int32_t> number) const {
  if (!settings().has_semantics()) fail("this model has ID tokens alone: items cannot be put");
  std::vector<std::int32_t> codes = tokens.semantic;
  const CollaborativeTokens& learned = bundle.model.item_encoder.collaborative;
  if (number && static_cast<std::size_t>(*number) < bundle.catalogue.items()) {
    const auto own = std::span(learned.codes)
                         .subspan(static_cast<std::size_t>(*number) * learned.parts, learned.parts);
    codes.insert(codes.end(), own.begin(), own.end());
  } else {
    codes.insert(codes.end(), tokens.collaborative.begin(), tokens.collaborative.end());
  }
  const auto exists = [&](std::int32_t code) {
    return code >= 0 && static_cast<std::size_t>(code) < settings().codebook_size;
  };
  if (tokens.semantic.size() != levels() || codes.size() != settings().codes() ||
      !std::ranges::all_of(codes, exists)) {
    fail("an item of this model has {} semantic and {} collaborative codes from 0 to {}", levels(),
         collaborative(), settings().codebook_size - 1);
  }
  return codes;
}

std::vector<float> Model::State::id_token(std::optional<std::int32_t> number) const {
  const UnifiedItemEncoder& tokens = bundle.model.item_encoder;
  if (!settings().has_ids() || !number ||
      static_cast<std::size_t>(*number) >= bundle.catalogue.items()) {
    return tokens.new_id;
  }
  const auto learned = tokens.ids.value.view().row(static_cast<std::size_t>(*number));
  return {learned.begin(), learned.end()};
}

std::int32_t Model::State::number_to_put(const std::string& id) {
  const auto found = number_of.find(id);
  if (found != number_of.end()) return found->second;
  if (items.size() >= bundle.catalogue.items() + kMaxPutNumbers) {
    fail("{} items were put since the model was opened: open it anew to make room", kMaxPutNumbers);
  }
  const auto number = static_cast<std::int32_t>(items.size());
  items.push_back({.id = id, .title = "", .known = false});
  number_of.emplace(id, number);
  return number;
}

void Model::State::fill_in(std::int32_t number, const std::string& title,
                           std::span<const std::int32_t> codes, std::span<const float> vector) {
  Item& item = items[static_cast<std::size_t>(number)];
  if (item.known) forget(item);
  if (item.put < 0 && std::cmp_less(number, bundle.catalogue.items())) {
    bundle_titles.emplace(number, item.title);
  }
  if (item.put < 0) {
    item.put = static_cast<std::int32_t>(put_vectors.size() / settings().width());
    put_codes.resize(put_codes.size() + codes.size());
    put_vectors.resize(put_vectors.size() + vector.size());
  }
  const auto row = static_cast<std::ptrdiff_t>(item.put);
  std::ranges::copy(codes, put_codes.begin() + row * std::ssize(codes));
  std::ranges::copy(vector, put_vectors.begin() + row * std::ssize(vector));
  item.title = title;
  item.known = true;
  ++live_items;
  if (lookup) lookup->insert(number, item.id, title);
}

void Model::State::forget(Item& item) {
  item.known = false;
  if (item.put >= 0) --live_items;
  if (lookup) lookup->erase(static_cast<std::int32_t>(&item - items.data()), item.id, item.title);
}

void Model::State::put(std::span<const NewItem> fresh) {
  struct Put {
    std::int32_t number;
    std::vector<std::int32_t> codes;
    std::vector<float> id_token, vector;
  };
  std::vector<Put> puts;
  std::vector<ItemIndex::NewItem> indexed;
  puts.reserve(fresh.size());
  for (const NewItem& item : fresh) {
    const auto found = number_of.find(item.id);
    const auto known = found == number_of.end() ? std::nullopt : std::optional(found->second);
    Put put = {0, codes_to_put(item.tokens, known), id_token(known), {}};
    put.number = number_to_put(item.id);
    put.vector = item_vector(bundle.model, put.codes, put.id_token);
    puts.push_back(std::move(put));
    indexed.push_back({puts.back().number, puts.back().codes, puts.back().id_token});
  }
  index->put(indexed);
  for (std::size_t i = 0; i < puts.size(); ++i) {
    fill_in(puts[i].number, fresh[i].title, puts[i].codes, puts[i].vector);
  }
}

void Model::put(std::span<const NewItem> items) {
  const std::unique_lock lock(state_->mutex);
  state_->put(items);
}

ItemCard Model::put(const std::string& id, const std::string& title, const ItemTokens& tokens) {
  const NewItem one = {id, title, tokens};
  const std::unique_lock lock(state_->mutex);
  state_->put({&one, 1});
  return state_->card(state_->item(state_->number_of.find(id)->second));
}

std::vector<ItemCard> Model::put_many(std::span<const ItemToPut> items) {
  std::vector<std::string_view> texts;
  for (const ItemToPut& item : items) {
    if (item.embedding.empty()) texts.emplace_back(item.text);
  }
  std::vector<std::optional<ItemTokens>> read(texts.size());
  if (reads_text()) read = tokens_of(texts);
  auto next = read.begin();
  std::vector<NewItem> found;
  std::vector<std::string> ids;
  for (const ItemToPut& item : items) {
    try {
      check_id({item.id, Value::Kind::word}, IdOf::item);
      std::optional<ItemTokens> tokens;
      if (item.embedding.empty()) tokens = std::move(*next++);
      if (!tokens) {  // or says why there are none
        tokens = item.embedding.empty() ? tokens_of(item.text) : tokens_of(item.embedding);
      }
      found.push_back({item.id, item.title, std::move(*tokens)});
    } catch (const Error& error) {
      fail("item '{}': {}", item.id, error.what());
    }
    ids.push_back(item.id);
  }
  put(found);
  return cards(known(ids));
}

void Model::set_attributes(std::int32_t item, const AttributeValues& values) {
  state_->check(std::span(&item, 1));
  state_->attributes.set(item, values);
}

bool Model::restorable(std::string_view id) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->number_of.find(id);
  return found != state_->number_of.end() && !state_->items[std::size_t(found->second)].known &&
         std::cmp_less(found->second, state_->bundle.catalogue.items());
}

bool Model::restore(std::string_view id) {
  if (!restorable(id)) return false;
  State& state = *state_;
  const std::unique_lock lock(state.mutex);
  const std::int32_t number = state.number_of.find(id)->second;
  State::Item& item = state.items[static_cast<std::size_t>(number)];
  if (item.known) return false;
  item.put = -1;  // what was put in its place is forgotten
  if (const auto title = state.bundle_titles.find(number); title != state.bundle_titles.end()) {
    item.title = title->second;
  }
  const std::span<const float> vector = state.vector(item);
  state.index->put(number, state.codes(item), vector.last(state.settings().id_width()));
  item.known = true;
  if (state.lookup) state.lookup->insert(number, item.id, item.title);
  return true;
}

bool Model::erase(std::string_view id) {
  State& state = *state_;
  const std::unique_lock lock(state.mutex);
  const auto found = state.number_of.find(id);
  if (found == state.number_of.end()) return false;
  State::Item& item = state.items[static_cast<std::size_t>(found->second)];
  if (!item.known) return false;
  state.forget(item);
  state.index->remove(found->second);
  return true;
}

}  // namespace tessera
