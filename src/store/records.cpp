#include "store/records.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>

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

void check_append(std::string_view user, std::span<const std::string> items,
                  std::string_view idempotency_key) {
  check_id(user);
  for (const std::string& item : items) check_id(item);
  if (idempotency_key.size() > kMaxIdempotencyKeyBytes) {
    fail_usage("an idempotency key has {} bytes; give at most {}", idempotency_key.size(),
               kMaxIdempotencyKeyBytes);
  }
}

std::string batch_digest(std::span<const std::string> items) {
  std::string bytes;
  for (const std::string& item : items) append_string(bytes, item);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return {digest.begin(), digest.begin() + 16};
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

}  // namespace tessera
