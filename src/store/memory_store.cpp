#include "store/memory_store.h"

#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "base/error.h"
#include "store/records.h"

namespace tessera {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreOptions& options) : history_limit_(options.history_limit) {}

  Append append_events(std::string_view user, std::span<const std::string> items,
                       std::string_view idempotency_key) override {
    check_append(user, items, idempotency_key);
    if (items.empty()) return Append::kDone;
    const std::string digest = batch_digest(items);
    const std::lock_guard lock(mutex_);
    User& known = users_[std::string(user)];
    const Append verdict = known.verdict(idempotency_key, digest);
    if (verdict != Append::kDone) return verdict;
    known.events.insert(known.events.end(), items.begin(), items.end());
    while (known.events.size() > history_limit_) known.events.pop_front();
    if (!idempotency_key.empty()) {
      known.batches.emplace_back(idempotency_key, digest);
      if (known.batches.size() > kIdempotencyKeys) known.batches.pop_front();
    }
    return Append::kDone;
  }

  Append foresee_append(std::string_view user, std::span<const std::string> items,
                        std::string_view idempotency_key) const override {
    check_append(user, items, idempotency_key);
    const std::shared_lock lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return Append::kDone;
    return found->second.verdict(idempotency_key, batch_digest(items));
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    check_id(user);
    const std::shared_lock lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return std::nullopt;
    const std::deque<std::string>& events = found->second.events;
    return std::vector<std::string>(events.begin(), events.end());
  }

  bool erase_history(std::string_view user) override {
    check_id(user);
    const std::lock_guard lock(mutex_);
    return users_.erase(std::string(user)) != 0;
  }

  void put_item(const StoredItem& item) override {
    check_id(item.id);
    const std::lock_guard lock(mutex_);
    items_[item.id] = item;
  }

  void keep_tokens(std::span<const StoredItem> items) override {
    const std::lock_guard lock(mutex_);
    for (const StoredItem& item : items) {
      const auto known = items_.find(item.id);
      if (known != items_.end() && known->second) known->second->tokens = item.tokens;
    }
  }

  void erase_item(std::string_view id) override {
    check_id(id);
    const std::lock_guard lock(mutex_);
    items_[std::string(id)] = std::nullopt;
  }

  void restore_item(std::string_view id) override {
    check_id(id);
    const std::lock_guard lock(mutex_);
    items_.erase(std::string(id));
  }

  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, item] : items_) {
      if (item) {
        put(*item);
      } else {
        erased(id);
      }
    }
  }

  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    check_id(id);
    const std::lock_guard lock(mutex_);
    auto& kept = attributes_[std::string(id)];
    for (const StoredAttribute& value : values) kept[value.name] = value.value;
  }

  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, kept] : attributes_) {
      for (const auto& [name, value] : kept) visit(id, {name, value});
    }
  }

  void backup(const fs::path&) override {
    fail("the state is in memory and has no backup; start with --state DIRECTORY to keep it");
  }

 private:
  struct User {
    std::deque<std::string> events;
    std::deque<std::pair<std::string, std::string>> batches;  // key and digest

    Append verdict(std::string_view key, std::string_view digest) const {
      for (const auto& [known, of] : batches) {
        if (known == key) return of == digest ? Append::kRepeated : Append::kConflict;
      }
      return Append::kDone;
    }
  };

  std::size_t history_limit_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, std::optional<StoredItem>, std::less<>> items_;  // nothing: erased
  std::map<std::string, std::map<std::string, std::string>, std::less<>> attributes_;
};

}  // namespace

std::unique_ptr<Store> open_memory_store(const StoreOptions& options) {
  return std::make_unique<MemoryStore>(options);
}

}  // namespace tessera
