#include "store/records.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <set>

#include "base/error.h"

namespace tessera {
namespace {

void append_number(std::string& bytes, std::size_t number) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
}

void append_string(std::string& bytes, std::string_view text) {
  append_number(bytes, text.size());
  bytes += text;
}

void append_strings(std::string& bytes, const std::vector<std::string_view>& texts) {
  append_number(bytes, texts.size());
  for (const std::string_view text : texts) append_string(bytes, text);
}

/// Takes values off the front of the bytes; once something is missing, `good` stays false.
struct Reader {
  std::string_view bytes;
  bool good = true;

  std::size_t number() {
    std::size_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      value |= std::size_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    good = false;
    return 0;
  }

  std::string_view string() {
    const std::size_t size = number();
    good = good && size <= bytes.size();
    if (!good) return {};
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
  }

  std::vector<std::string_view> strings() {
    const std::size_t count = number();
    good = good && count <= bytes.size();  // each takes a byte or more
    std::vector<std::string_view> texts;
    if (good) texts.reserve(count);
    for (std::size_t i = 0; i < count && good; ++i) texts.push_back(string());
    return texts;
  }
};

constexpr std::string_view kPut = "+", kErased = "-";

/// What an event has, beside its item; a bit each.
enum : std::uint8_t { kReceived = 1, kTime = 2, kKind = 4, kWeight = 8 };

/// Small numbers of either sign as small ones.
std::uint64_t zigzag(std::int64_t number) {
  return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}
std::int64_t unzigzag(std::uint64_t bits) {
  return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
}

/// Of any numbers: bytes may be broken.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

bool is_plain(const StoredEvent& event) {
  return event.kind.empty() && !event.weight && !event.time && !event.received;
}

/// What is known of the event but its item, behind a byte that says what. The time is kept as how
/// far it is from the receipt, which is a byte for most.
void append_event(std::string& bytes, const StoredEvent& event) {
  const int what = (event.received ? kReceived : 0) | (event.time ? kTime : 0) |
                   (event.kind.empty() ? 0 : kKind) | (event.weight ? kWeight : 0);
  bytes.push_back(static_cast<char>(what));
  if (event.received) append_number(bytes, zigzag(*event.received));
  if (event.time) append_number(bytes, zigzag(sum(*event.time, -event.received.value_or(0))));
  if (!event.kind.empty()) append_string(bytes, event.kind);
  if (event.weight) {
    const auto bits = std::bit_cast<std::array<char, sizeof(float)>>(*event.weight);
    bytes.append(bits.data(), bits.size());
  }
}

/// Takes what append_event wrote off the reader.
StoredEvent take_event(Reader& reader) {
  StoredEvent event;
  if (reader.bytes.empty()) {
    reader.good = false;
    return event;
  }
  const auto what = static_cast<std::uint8_t>(reader.bytes.front());
  reader.bytes.remove_prefix(1);
  if (what > (kReceived | kTime | kKind | kWeight)) reader.good = false;
  if ((what & kReceived) != 0) event.received = unzigzag(reader.number());
  if ((what & kTime) != 0) event.time = sum(unzigzag(reader.number()), event.received.value_or(0));
  if ((what & kKind) != 0) event.kind = reader.string();
  if ((what & kWeight) != 0) {
    std::array<char, sizeof(float)> bits{};
    reader.good = reader.good && reader.bytes.size() >= bits.size();
    if (reader.good) {
      std::ranges::copy(reader.bytes.substr(0, bits.size()), bits.begin());
      reader.bytes.remove_prefix(bits.size());
      event.weight = std::bit_cast<float>(bits);
    }
  }
  return event;
}

/// `before` and `after` together, without the oldest beyond the limit.
void join(std::vector<std::string_view>& before, const std::vector<std::string_view>& after,
          std::size_t limit) {
  before.insert(before.end(), after.begin(), after.end());
  if (before.size() > limit) before.erase(before.begin(), before.end() - std::ptrdiff_t(limit));
}

}  // namespace

void check_id(std::string_view id) {
  if (id.empty()) fail_usage("an id is empty; give 1 to {} bytes", kMaxIdBytes);
  if (id.size() > kMaxIdBytes) {
    fail_usage("an id has {} bytes; give at most {}", id.size(), kMaxIdBytes);
  }
}

void check_append(std::string_view user, std::span<const StoredEvent> events,
                  std::string_view idempotency_key) {
  check_id(user);
  for (const StoredEvent& event : events) {
    check_id(event.item);
    if (event.kind.size() > kMaxIdBytes) fail_usage("a kind of event is longer than an id may be");
  }
  if (idempotency_key.size() > kMaxIdempotencyKeyBytes) {
    fail_usage("an idempotency key has {} bytes; give at most {}", idempotency_key.size(),
               kMaxIdempotencyKeyBytes);
  }
}

std::vector<StoredEvent> plain_events(std::span<const std::string> items) {
  std::vector<StoredEvent> events;
  events.reserve(items.size());
  for (const std::string& item : items) events.push_back({item});
  return events;
}

std::string batch_digest(std::span<const StoredEvent> events) {
  std::string bytes;
  for (const StoredEvent& event : events) append_string(bytes, event.item);
  // Items alone as ever: keys outlive versions. No item is empty, so what follows is no item.
  if (!std::ranges::all_of(events, is_plain)) {
    append_string(bytes, "");
    for (const StoredEvent& event : events) append_event(bytes, event);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return {digest.begin(), digest.begin() + 16};
}

std::string encode_event(const StoredEvent& event) {
  std::string bytes(1, '\0');
  append_event(bytes, event);
  return bytes += event.item;
}

std::optional<StoredEvent> decode_event(std::string_view bytes) {
  if (!bytes.starts_with('\0')) return StoredEvent{std::string(bytes)};
  Reader reader{bytes.substr(1)};
  StoredEvent event = take_event(reader);
  if (!reader.good) return std::nullopt;
  event.item = reader.bytes;
  return event;
}

std::optional<std::string_view> item_of_event(std::string_view bytes) {
  if (!bytes.starts_with('\0')) return bytes;
  Reader reader{bytes.substr(1)};
  take_event(reader);
  if (!reader.good) return std::nullopt;
  return reader.bytes;
}

std::vector<std::string> received_events(std::span<const StoredEvent> events, std::size_t limit,
                                         const Receipt& receipt) {
  std::vector<std::string> kept;
  std::set<std::pair<std::string_view, std::string_view>> at_once;  // items and kinds of one time
  std::int64_t time = receipt.now;
  for (const StoredEvent& event : events) {
    StoredEvent whole = event;
    whole.received = receipt.stamp;
    if (!event.time) {
      if (!at_once.emplace(event.item, event.kind).second) {
        ++time;
        at_once = {{event.item, event.kind}};
      }
      whole.time = time;
    }
    kept.push_back(encode_event(whole));
  }
  if (kept.size() > limit) kept.erase(kept.begin(), kept.end() - std::ptrdiff_t(limit));
  return kept;
}

std::optional<std::vector<std::string>> HistoryRecord::items() const {
  std::vector<std::string> items;
  items.reserve(events.size());
  for (const std::string_view event : events) {
    const auto item = item_of_event(event);
    if (!item) return std::nullopt;
    items.emplace_back(*item);
  }
  return items;
}

std::optional<std::vector<StoredEvent>> HistoryRecord::whole_events() const {
  std::vector<StoredEvent> whole;
  whole.reserve(events.size());
  for (const std::string_view bytes : events) {
    auto event = decode_event(bytes);
    if (!event) return std::nullopt;
    whole.push_back(std::move(*event));
  }
  return whole;
}

Append HistoryRecord::verdict(std::string_view key, std::string_view digest) const {
  const auto at = std::ranges::find(keys, key);
  if (key.empty() || at == keys.end()) return Append::kDone;
  const std::string_view known = digests[static_cast<std::size_t>(at - keys.begin())];
  return known.empty() || known == digest ? Append::kRepeated : Append::kConflict;
}

HistoryRecord joined(HistoryRecord before, const HistoryRecord& after, std::size_t history_limit) {
  join(before.events, after.events, history_limit);
  join(before.keys, after.keys, kIdempotencyKeys);
  join(before.digests, after.digests, kIdempotencyKeys);
  return before;
}

std::string encode_history(const HistoryRecord& record) {
  std::string bytes;
  append_strings(bytes, record.events);
  append_strings(bytes, record.keys);
  append_strings(bytes, record.digests);
  return bytes;
}

std::optional<HistoryRecord> decode_history(std::string_view bytes) {
  Reader reader{bytes};
  HistoryRecord record;
  record.events = reader.strings();
  record.keys = reader.strings();
  if (reader.bytes.empty()) {
    record.digests.resize(record.keys.size());  // of schema 1
  } else {
    record.digests = reader.strings();
  }
  if (record.digests.size() != record.keys.size()) return std::nullopt;
  if (!reader.good || !reader.bytes.empty()) return std::nullopt;
  return record;
}

std::string encode_attribute_key(std::string_view id, std::string_view name) {
  std::string key;
  append_string(key, id);
  return key.append(name);
}

std::optional<std::pair<std::string_view, std::string_view>> decode_attribute_key(
    std::string_view key) {
  Reader reader{key};
  const std::string_view id = reader.string();
  if (!reader.good) return std::nullopt;
  return std::pair(id, reader.bytes);
}

std::string encode_item(const StoredItem& item) {
  std::string bytes(kPut);
  append_string(bytes, item.title);
  append_string(bytes, item.text);
  return bytes;
}

std::string encode_erased_item() { return std::string(kErased); }

bool decode_item(std::string_view id, std::string_view bytes,
                 const std::function<void(const StoredItem&)>& put,
                 const std::function<void(std::string_view)>& erased) {
  if (bytes == kErased) {
    erased(id);
    return true;
  }
  if (!bytes.starts_with(kPut)) return false;
  Reader reader{bytes.substr(kPut.size())};
  StoredItem item;
  item.id = id;
  item.title = reader.string();
  item.text = reader.string();
  if (!reader.good || !reader.bytes.empty()) return false;
  put(item);
  return true;
}

std::string encode_feedback(const StoredFeedback& feedback) {
  std::string bytes;
  append_number(bytes, zigzag(feedback.time));
  append_strings(bytes, {feedback.request, feedback.variant, feedback.kind});
  append_strings(bytes, {feedback.items.begin(), feedback.items.end()});
  return bytes;
}

std::optional<StoredFeedback> decode_feedback(std::string_view bytes) {
  Reader reader{bytes};
  StoredFeedback feedback;
  feedback.time = unzigzag(reader.number());
  const auto names = reader.strings(), items = reader.strings();
  if (!reader.good || !reader.bytes.empty() || names.size() != 3) return std::nullopt;
  feedback.request = names[0];
  feedback.variant = names[1];
  feedback.kind = names[2];
  feedback.items.assign(items.begin(), items.end());
  return feedback;
}

}  // namespace tessera
