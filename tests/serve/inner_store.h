#pragma once
#include "store/store.h"

namespace tessera::testing {

/// A store in memory behind another: a test changes what it is after.
class InnerStore : public Store {
 public:
  Append append_events(std::string_view user, std::span<const StoredEvent> events,
                       std::string_view key) override {
    return inner().append_events(user, events, key);
  }
  Append foresee_append(std::string_view user, std::span<const StoredEvent> events,
                        std::string_view key) const override {
    return inner().foresee_append(user, events, key);
  }
  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    return inner().history(user);
  }
  bool erase_history(std::string_view user) override { return inner().erase_history(user); }
  void put_item(const StoredItem& item) override { inner().put_item(item); }
  void keep_tokens(std::span<const StoredItem> items) override { inner().keep_tokens(items); }
  void erase_item(std::string_view id) override { inner().erase_item(id); }
  void restore_item(std::string_view id) override { inner().restore_item(id); }
  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    inner().put_attributes(id, values);
  }
  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    inner().for_each_attribute(visit);
  }
  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    return inner().for_each_history(cursor, visit);
  }
  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    inner().for_each_item(put, erased);
  }
  void add_feedback(const StoredFeedback& feedback) override { inner().add_feedback(feedback); }
  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    inner().for_each_feedback(visit);
  }
  void backup(const fs::path& directory) override { inner().backup(directory); }

 protected:
  Store& inner() const { return *inner_; }

 private:
  std::unique_ptr<Store> inner_ = open_store("");
};

}  // namespace tessera::testing
