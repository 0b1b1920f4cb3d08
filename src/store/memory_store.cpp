#include "store/memory_store.h"

#include <algorithm>
#include <deque>
#include <iterator>
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
  explicit MemoryStore(const StoreOptions& options)
      : history_limit_(options.history_limit),
        feedback_limit_(options.feedback_limit),
        clock_(options.clock) {}

  Append append_events(std::string_view user, std::span<const StoredEvent> events,
                       std::string_view idempotency_key) override {
    check_append(user, events, idempotency_key);
    if (events.empty()) return Append::kDone;
    const std::string digest = batch_digest(events);
    const std::lock_guard lock(mutex_);
    User& known = users_[std::string(user)];
    const Append verdict = known.verdict(idempotency_key, digest);
    if (verdict != Append::kDone) return verdict;
    std::ranges::move(received_events(events, history_limit_, clock_.receive()),
                      std::back_inserter(known.events));
    while (known.events.size() > history_limit_) known.events.pop_front();
    if (!idempotency_key.empty()) {
      known.batches.emplace_back(idempotency_key, digest);
      if (known.batches.size() > kIdempotencyKeys) known.batches.pop_front();
    }
    return Append::kDone;
  }

  Append foresee_append(std::string_view user, std::span<const StoredEvent> events,
                        std::string_view idempotency_key) const override {
    check_append(user, events, idempotency_key);
    const std::shared_lock lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return Append::kDone;
    return found->second.verdict(idempotency_key, batch_digest(events));
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    check_id(user);
    const std::shared_lock lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return std::nullopt;
    return as_record(found->second).items();
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

  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    const std::shared_lock lock(mutex_);
    for (auto at = users_.upper_bound(cursor); at != users_.end(); ++at) {
      if (!visit(at->first, as_record(at->second).whole_events().value())) return at->first;
    }
    return "";
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

  void add_feedback(const StoredFeedback& feedback) override {
    const std::lock_guard lock(mutex_);
    feedback_.push_back(feedback);
    while (feedback_.size() > feedback_limit_) feedback_.pop_front();
  }

  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    const std::shared_lock lock(mutex_);
    for (const StoredFeedback& feedback : feedback_) visit(feedback);
  }

  void backup(const fs::path&) override {
    fail("the state is in memory and has no backup; start with --state DIRECTORY to keep it");
  }

 private:
  struct User {
    std::deque<std::string> events;                           // their bytes, see records.h
    std::deque<std::pair<std::string, std::string>> batches;  // key and digest

    Append verdict(std::string_view key, std::string_view digest) const {
      for (const auto& [known, of] : batches) {
        if (known == key) return of == digest ? Append::kRepeated : Append::kConflict;
      }
      return Append::kDone;
    }
  };

  static HistoryRecord as_record(const User& user) {
    HistoryRecord record;
    record.events.assign(user.events.begin(), user.events.end());
    return record;
  }

  std::size_t history_limit_, feedback_limit_;
  ReceiptClock clock_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, std::optional<StoredItem>, std::less<>> items_;  // nothing: erased
  std::map<std::string, std::map<std::string, std::string>, std::less<>> attributes_;
  std::deque<StoredFeedback> feedback_;
};

}  // namespace

std::unique_ptr<Store> open_memory_store(const StoreOptions& options) {
  return std::make_unique<MemoryStore>(options);
}

}  // namespace tessera
