#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tessera {

/// Throws UsageError unless the user's or item's id has 1 to kMaxIdBytes bytes.
void check_id(std::string_view id);
/// Throws UsageError for an id of a forbidden length or an idempotency key that is too long.
void check_append(std::string_view user, std::span<const std::string> items,
                  std::string_view idempotency_key);

/// Tells batches of events apart, in 16 bytes.
std::string batch_digest(std::span<const std::string> items);

/// Events and idempotency keys of one user, oldest first: all of them or some that were added; and
/// with each key the digest of its batch, or nothing where it was written before digests were. The
/// views borrow.
struct HistoryRecord {
  std::vector<std::string_view> events, keys, digests;

  /// What is to be done with a batch that comes with this key.
  Append verdict(std::string_view key, std::string_view digest) const;
};

/// `before` and then `after`, as far as the limits keep them. Associative.
HistoryRecord joined(HistoryRecord before, const HistoryRecord& after, std::size_t history_limit);

/// Bytes of a record, and back; nothing if the bytes are not of a record. Every string stands
/// behind its length (LEB128), so it may hold anything.
std::string encode_history(const HistoryRecord& record);
std::optional<HistoryRecord> decode_history(std::string_view bytes);

/// The key of an item's attribute, and back; nothing if the bytes are none.
std::string encode_attribute_key(std::string_view id, std::string_view name);
std::optional<std::pair<std::string_view, std::string_view>> decode_attribute_key(
    std::string_view key);

/// Bytes of what is kept under an item's id: its title and text, or that it was erased.
std::string encode_item(const StoredItem& item);
std::string encode_erased_item();
/// Calls put(item) or erased(id) for such bytes; false if they are none.
bool decode_item(std::string_view id, std::string_view bytes,
                 const std::function<void(const StoredItem&)>& put,
                 const std::function<void(std::string_view)>& erased);

}  // namespace tessera
