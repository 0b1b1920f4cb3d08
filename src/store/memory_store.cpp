#include "store/memory_store.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "base/error.h"
#include "store/records.h"

namespace tessera {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreOptions& options) : history_limit_(options.history_limit) {}

  bool append_events(std::string_view user, std::span<const std::string> items,
                     std::string_view idempotency_key) override {
    check_append(user, items, idempotency_key);
    if (items.empty()) return true;
    const std::lock_guard lock(mutex_);
    User& known = users_[std::string(user)];
    if (!idempotency_key.empty()) {
      if (std::ranges::find(known.keys, idempotency_key) != known.keys.end()) return false;
      known.keys.emplace_back(idempotency_key);
      if (known.keys.size() > kIdempotencyKeys) known.keys.pop_front();
    }
    known.events.insert(known.events.end(), items.begin(), items.end());
    while (known.events.size() > history_limit_) known.events.pop_front();
    return true;
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

  void erase_item(std::string_view id) override {
    check_id(id);
    const std::lock_guard lock(mutex_);
    items_[std::string(id)] = std::nullopt;
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

  void backup(const fs::path&) override {
    fail("the state is in memory and has no backup; start with --state DIRECTORY to keep it");
  }

 private:
  struct User {
    std::deque<std::string> events, keys;
  };

  std::size_t history_limit_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, std::optional<StoredItem>, std::less<>> items_;  // nothing: erased
};

}  // namespace

std::unique_ptr<Store> open_memory_store(const StoreOptions& options) {
  return std::make_unique<MemoryStore>(options);
}

}  // namespace tessera
