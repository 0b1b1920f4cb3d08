#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/exchange.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "store/store.h"
#include "tessera/model.h"

namespace tessera {

/// Throws Refusal 422 for attributes that the model does not have or that hold no such values.
void check_attributes(const Model& model, const AttributeValues& attributes);

/// The model in use: loaded from a bundle with the store's items, and swapped as a whole while
/// requests go on with the one they began with. Every function may be called from several threads
/// at once.
class ServedModel {
 public:
  /// Nothing is loaded yet. `store`, `log` and `metrics` must outlive it. Of several models over
  /// one store the `first` alone keeps codes of items there, and tells the metrics how it is.
  /// `on_swap` is called in the thread of a load when another model came into use.
  ServedModel(fs::path bundle, Store& store, const Log& log, ServiceMetrics& metrics,
              bool first = true, std::function<void()> on_swap = {});
  /// Gives up a load that goes on.
  ~ServedModel();
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  struct InUse {
    std::shared_ptr<Model> model;  ///< null until the first was loaded
    std::string name;  ///< 16 hex digits, which tell models apart by what they say of themselves
    std::size_t generation = 0;  ///< how often one was swapped in, the first included
  };
  InUse in_use() const;
  std::shared_ptr<Model> now() const { return in_use().model; }
  /// Loads the first one here; throws Error.
  void load();
  /// Loads one in a thread of its own. What goes wrong is logged and leaves the one in use, and if
  /// there is none `on_first_failure` is called. While a load goes on nothing happens but, with
  /// `again`, that another follows; false then.
  bool start_load(bool again, std::function<void()> on_first_failure = {});
  bool loading() const;
  /// Why the last load failed; "" if it did not.
  std::string error() const;
  /// Gives up a load that goes on, at its next item, and begins none any more.
  void stop();
  /// Whether no load goes on, at the latest by then.
  bool idle_by(std::chrono::steady_clock::time_point end) const;

  /// Calls write(item), which adds it to the store, and then puts it into the model. Throws Refusal
  /// where the model cannot read the text or has no room, and what `write` throws. Returns the item
  /// as the model stored it.
  ItemCard put(const StoredItem& item, const std::function<void(const StoredItem&)>& write);
  /// Calls write() and then changes attributes of an item, and returns all of them. Throws Refusal:
  /// 404 for an unknown item, 422 for attributes that the model does not have or that hold no such
  /// values.
  AttributeValues set_attributes(std::string_view id, const AttributeValues& values,
                                 const std::function<void()>& write);
  /// A change of an item as a caller wishes it; a put item has a text, and what `values` names is
  /// changed after it.
  struct Wish {
    StoredChange::Kind kind = StoredChange::Kind::put;
    StoredItem item;
    AttributeValues values = {};
  };
  /// What is called before changes are made, with the places of the wishes that they come from.
  using WriteChanges = std::function<void(std::span<const StoredChange> changes,
                                          std::span<const std::size_t> wishes)>;
  /// Many at once, in order: calls write once for those that can be, and then does them. Returns
  /// why one was refused, for each that was.
  std::vector<std::optional<Refusal>> change(std::span<const Wish> wishes,
                                             const WriteChanges& write);
  /// Puts an erased item of the catalogue back as it was. Calls write() in between; throws Refusal
  /// 404 for one that the bundle does not have, 409 for one that is there.
  ItemCard restore(std::string_view id, const std::function<void()>& write);
  /// Calls write() and then takes the item out; throws Refusal 404 for an unknown one.
  void erase(std::string_view id, const std::function<void()>& write);
  /// Does what others changed, as far as the model can: the store has it already.
  void follow(const SharedChanges& changes);

 private:
  struct Loaded {
    std::shared_ptr<Model> model;
    std::string fingerprint;  // "" if the bundle's files changed meanwhile
    std::string name;
    std::chrono::system_clock::time_point written{};
  };
  /// A change of an item that came while a bundle was loaded, which may have read the store before.
  struct Change {
    StoredItem item;
    bool erased = false;
    bool restored = false;
    std::optional<AttributeValues> attributes = {};  ///< only these are changed
  };

  /// What is in use, and whether another is being loaded.
  std::pair<Loaded, bool> loaded() const;
  /// The codes that the store keeps of the item, if they are this model's.
  static std::optional<ItemTokens> kept_tokens(const Loaded& in_use, const StoredItem& item);
  /// An item's tokens, if the model can read it, and whether the store kept them.
  struct Found {
    std::optional<ItemTokens> tokens;
    bool kept = false;
  };
  /// Those of each item. What is not kept is encoded, all together.
  static std::vector<Found> find_tokens(const Loaded& in_use,
                                        std::span<const StoredItem* const> items);
  /// The item with its codes, as the store keeps it.
  static StoredItem with_codes(const Loaded& in_use, StoredItem item, const ItemTokens& tokens);
  void run();
  void swap_in_next();
  Loaded load_next();
  void put_stored_items(const Loaded& next);
  void put_all(const Loaded& next, std::vector<NewItem>& items) const;
  void keep_tokens(std::span<const StoredItem> fresh) const;
  std::optional<ItemTokens> encode(const Loaded& next, const StoredItem& item) const;
  void skip(const std::string& id, const Error& error) const;
  void apply_changes(const Loaded& next);
  void set_stored_attributes(const Loaded& next);
  void note(const std::string& failure);
  void finish();
  bool stopping() const;
  void count_items() const;

  const fs::path bundle_;
  Store& store_;
  const Log& log_;
  ServiceMetrics& metrics_;
  const bool first_;
  const std::function<void()> on_swap_;

  std::mutex changes_;  // changes of items come one at a time, so that store and model agree
  std::vector<Change> noted_;

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable idle_;
  Loaded loaded_;
  std::string error_;
  std::size_t generation_ = 0;
  bool loading_ = false, again_ = false, stopping_ = false;
  std::function<void()> on_first_failure_;
  std::thread thread_;
};

}  // namespace tessera
