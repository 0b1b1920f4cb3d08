#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// An item that was put over the API, as given: it outlives a change of model.
struct StoredItem {
  std::string id, title, text;
};

/// What the service must not lose: user histories and live items, by external ids. A write that
/// returned is durable as the implementation states; every function may be called from several
/// threads at once and throws Error naming the store when it cannot do its work.
class Store {
 public:
  virtual ~Store() = default;

  /// Appends events to the end of the user's history and bounds it, in one atomic step. With a key
  /// (not empty) that was already used for this user nothing happens: returns false.
  virtual bool append_events(std::string_view user, std::span<const std::string> items,
                             std::string_view idempotency_key) = 0;
  /// Oldest first; nothing for an unknown user.
  virtual std::optional<std::vector<std::string>> history(std::string_view user) const = 0;
  /// Forgets the user with the idempotency keys; false if there was nothing.
  virtual bool erase_history(std::string_view user) = 0;

  virtual void put_item(const StoredItem& item) = 0;
  /// The item is gone, whether it was put over the API or belongs to the model's catalogue.
  virtual void erase_item(std::string_view id) = 0;
  /// Calls put(item) for every stored item and erased(id) for every erased one.
  virtual void for_each_item(const std::function<void(const StoredItem&)>& put,
                             const std::function<void(std::string_view)>& erased) const = 0;
};

}  // namespace tessera
