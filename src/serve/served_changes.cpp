// Changes of a served model's items, one at a time: in the store, in the model in use, and noted
// for the one that is being loaded.
#include <unordered_set>

#include "attributes/attribute_values.h"
#include "base/error.h"
#include "serve/exchange.h"
#include "serve/served_model.h"

namespace tessera {
namespace {

/// Throws Refusal for a text that the model cannot read.
ItemTokens tokens_of(const Model& model, const StoredItem& item) {
  try {
    return model.tokens_of(item.text);
  } catch (const Error& error) {
    throw Refusal(422, "unreadable_text", error.what());
  }
}

/// What the store keeps of a wish, but for the codes of a put item. Throws Refusal for what the
/// model cannot do.
StoredChange stored_change(const Model& model, const ServedModel::Wish& wish) {
  using Kind = StoredChange::Kind;
  StoredChange change = {wish.item, wish.kind};
  if (wish.kind != Kind::put && !model.number(wish.item.id)) {
    throw Refusal(404, "unknown_item", fmt::format("no item '{}'", printable(wish.item.id)));
  }
  check_attributes(model, wish.values);
  for (const auto& [name, value] : wish.values) change.attributes.push_back({name, json_of(value)});
  return change;
}

}  // namespace

void check_attributes(const Model& model, const AttributeValues& attributes) {
  or_refuse(422, "invalid_attributes", [&] { model.check_attributes(attributes); });
}

ItemCard ServedModel::put(const StoredItem& item,
                          const std::function<void(const StoredItem&)>& write) {
  ItemCard card;
  {
    const std::lock_guard lock(changes_);
    const auto [in_use, loads] = loaded();
    const ItemTokens tokens = tokens_of(*in_use.model, item);
    write(with_codes(in_use, item, tokens));
    if (loads) noted_.push_back({.item = item});
    try {
      card = in_use.model->put(item.id, item.title, tokens);
    } catch (const Error& error) {
      throw Refusal(503, "too_many_items", error.what());
    }
  }
  count_items();
  return card;
}

std::vector<std::optional<Refusal>> ServedModel::change(std::span<const Wish> wishes,
                                                        const WriteChanges& write) {
  using Kind = StoredChange::Kind;
  std::vector<std::optional<Refusal>> refused(wishes.size());
  const std::lock_guard lock(changes_);
  const auto [in_use, loads] = loaded();
  Model& model = *in_use.model;
  std::vector<StoredChange> stored;
  std::vector<NewItem> puts;
  std::vector<std::size_t> granted;
  // What was gathered, for later ones may ask for it.
  const auto flush = [&] {
    if (stored.empty()) return;
    write(stored, granted);
    if (!puts.empty()) model.put(puts);
    for (const std::size_t place : granted) {
      const Wish* wish = &wishes[place];
      const std::string& id = wish->item.id;
      if (wish->kind == Kind::erase) model.erase(id);
      if (!wish->values.empty() && model.number(id)) {
        model.set_attributes(*model.number(id), wish->values);
      }
      if (!loads) continue;
      if (wish->kind != Kind::attributes) {
        noted_.push_back({.item = wish->item, .erased = wish->kind == Kind::erase});
      }
      if (!wish->values.empty()) {
        noted_.push_back({.item = {id, "", "", ""}, .attributes = wish->values});
      }
    }
    stored.clear();
    puts.clear();
    granted.clear();
  };
  std::vector<const StoredItem*> to_put;
  for (const Wish& wish : wishes) {
    if (wish.kind == Kind::put) to_put.push_back(&wish.item);
  }
  std::vector<Found> found = find_tokens(in_use, to_put);
  auto next = found.begin();
  std::unordered_set<std::string_view> ids;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const Wish& wish = wishes[i];
    Found* const tokens = wish.kind == Kind::put ? &*next++ : nullptr;
    if (!ids.insert(wish.item.id).second) {  // it may want what an earlier one does
      flush();
      ids = {wish.item.id};
    }
    try {
      StoredChange change = stored_change(model, wish);
      if (tokens != nullptr) {
        if (!tokens->tokens) tokens->tokens = tokens_of(model, wish.item);  // says why it cannot
        change.item = with_codes(in_use, wish.item, *tokens->tokens);
        puts.push_back({wish.item.id, wish.item.title, std::move(*tokens->tokens)});
      }
      stored.push_back(std::move(change));
      granted.push_back(i);
    } catch (const Refusal& refusal) {
      refused[i] = refusal;
    }
  }
  try {
    flush();
  } catch (const Error& error) {  // the model has no room for them
    throw Refusal(503, "too_many_items", error.what());
  }
  count_items();
  return refused;
}

ItemCard ServedModel::restore(std::string_view id, const std::function<void()>& write) {
  ItemCard card;
  {
    const std::lock_guard lock(changes_);
    const std::shared_ptr<Model> model = now();
    if (model->number(id)) {
      throw Refusal(409, "item_is_there", fmt::format("item '{}' is not erased", printable(id)));
    }
    if (!model->restorable(id)) {
      throw Refusal(404, "unknown_item",
                    fmt::format("no erased item '{}' of the catalogue; put it", printable(id)));
    }
    write();
    if (loading()) noted_.push_back({.item = {std::string(id), "", "", ""}, .restored = true});
    model->restore(id);
    card = model->card(*model->number(id));
  }
  count_items();
  return card;
}

AttributeValues ServedModel::set_attributes(std::string_view id, const AttributeValues& values,
                                            const std::function<void()>& write) {
  const std::lock_guard lock(changes_);
  const std::shared_ptr<Model> model = now();
  const auto number = model->number(id);
  if (!number) throw Refusal(404, "unknown_item", fmt::format("no item '{}'", printable(id)));
  check_attributes(*model, values);
  write();
  if (loading()) {
    noted_.push_back({.item = {std::string(id), "", "", ""}, .attributes = values});
  }
  model->set_attributes(*number, values);
  return model->attributes_of(*number);
}

void ServedModel::erase(std::string_view id, const std::function<void()>& write) {
  {
    const std::lock_guard lock(changes_);
    const std::shared_ptr<Model> model = now();
    if (!model->number(id)) {
      throw Refusal(404, "unknown_item", fmt::format("no item '{}'", printable(id)));
    }
    write();
    if (loading()) noted_.push_back({.item = {std::string(id), "", "", ""}, .erased = true});
    model->erase(id);
  }
  count_items();
}

void ServedModel::follow(const SharedChanges& changes) {
  const auto written = [](auto&&...) {};
  for (const std::string& id : changes.restored) {
    try {
      if (now()->number(id)) erase(id, written);  // what was put in its place since
      if (now()->restorable(id)) restore(id, written);
    } catch (const Refusal&) {  // another model came into use meanwhile, which has read it
    }
  }
  std::vector<Wish> wishes;
  for (const StoredItem& item : changes.put) wishes.push_back({StoredChange::Kind::put, item});
  for (const std::string& id : changes.erased) {
    wishes.push_back({StoredChange::Kind::erase, {id, "", ""}});
  }
  if (!wishes.empty()) {
    const auto refused = change(wishes, written);
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      if (!refused[i] || refused[i]->status == 404) continue;  // it is not there: erased it is
      skip(wishes[i].item.id, Error(refused[i]->what()));
    }
  }
  for (const auto& [id, attribute] : changes.attributes) {
    try {
      set_attributes(id, {{attribute.name, attribute_value_from_json(attribute.value)}}, written);
    } catch (const Error&) {    // this model has no such attribute
    } catch (const Refusal&) {  // or no such item
    }
  }
}

void ServedModel::count_items() const {
  if (!first_) return;
  const std::shared_ptr<Model> model = now();
  metrics_.set_items(model->size(), model->live_items());
}

}  // namespace tessera
