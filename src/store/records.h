#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/receipt_clock.h"
#include "store/store.h"

namespace tessera {

/// Throws UsageError unless the user's or item's id has 1 to kMaxIdBytes bytes.
void check_id(std::string_view id);
/// Throws UsageError for an id of a forbidden length or an idempotency key that is too long.
void check_append(std::string_view user, std::span<const StoredEvent> events,
                  std::string_view idempotency_key);

/// Tells batches of events apart by what was sent, in 16 bytes.
std::string batch_digest(std::span<const StoredEvent> events);

/// Bytes of an event, and back; nothing if the bytes are of none. Bytes that do not begin with NUL
/// are an item alone, as events were kept before they had times; no service took an id with such a
/// character.
std::string encode_event(const StoredEvent& event);
std::optional<StoredEvent> decode_event(std::string_view bytes);
/// The item of an event alone, which borrows.
std::optional<std::string_view> item_of_event(std::string_view bytes);

/// The latest of the events, at most `limit`, as they are kept with this receipt.
std::vector<std::string> received_events(std::span<const StoredEvent> events, std::size_t limit,
                                         const Receipt& receipt);

/// Events (their bytes) and idempotency keys of one user, oldest first: all of them or some that
/// were added; and with each key the digest of its batch, or nothing where it was written before
/// digests were. The views borrow.
struct HistoryRecord {
  std::vector<std::string_view> events, keys, digests;

  /// The items of the events, and the events; nothing if one of them is broken.
  std::optional<std::vector<std::string>> items() const;
  std::optional<std::vector<StoredEvent>> whole_events() const;
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

/// Bytes of a record of feedback, and back; nothing if the bytes are none.
std::string encode_feedback(const StoredFeedback& feedback);
std::optional<StoredFeedback> decode_feedback(std::string_view bytes);

}  // namespace tessera
