#include "store/redis_items.h"

#include <deque>
#include <random>
#include <utility>

#include "base/error.h"
#include "store/records.h"
#include "store/redis_scripts.h"

namespace tessera {
namespace {

/// Changes of items that are asked for at a time, beside those that many asked before.
constexpr std::size_t kChangesAtOnce = 500;
/// Arguments of a script at a time: a change has four.
constexpr std::size_t kArgumentsAtOnce = 4000;

/// A name that no other process has.
std::string unlike_others() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

RedisItems::RedisItems(const RedisServers& redis, const RedisKeys& keys, std::size_t limit)
    : redis_(redis),
      limit_(std::to_string(limit)),
      items_(keys.shared("items")),
      tokens_(keys.shared("tokens")),
      attributes_(keys.shared("attributes")),
      changes_(keys.shared("changes")),
      change_(kChangeScript),
      own_(unlike_others()) {}

void RedisItems::put(const StoredItem& item) {
  check_id(item.id);
  const std::string record = encode_item(item);
  change_all({"i", item.id, record, item.tokens});
}

void RedisItems::change(std::span<const StoredChange> changes) {
  std::deque<std::string> texts;  // what the words refer to
  RedisWords words;
  for (const auto& [item, kind, values] : changes) {
    check_id(item.id);
    if (words.size() >= kArgumentsAtOnce) change_all(std::exchange(words, {}));
    const bool put = kind == StoredChange::Kind::put;
    if (kind != StoredChange::Kind::attributes) {
      texts.push_back(put ? encode_item(item) : encode_erased_item());
      words.insert(words.end(),
                   {"i", item.id, texts.back(), put ? item.tokens : std::string_view()});
    }
    for (const StoredAttribute& value : values) {
      texts.push_back(encode_attribute_key(item.id, value.name));
      words.insert(words.end(), {"a", texts.back(), value.value, ""});
    }
  }
  if (!words.empty()) change_all(words);
}

void RedisItems::keep_tokens(std::span<const StoredItem> items) {
  if (items.empty()) return;
  RedisWords command = {"HSET", tokens_};
  for (const StoredItem& item : items) {
    command.emplace_back(item.id);
    command.emplace_back(item.tokens);
  }
  redis_.answer_now(command, REDIS_REPLY_INTEGER);
}

void RedisItems::put_attributes(std::string_view id, std::span<const StoredAttribute> values) {
  check_id(id);
  if (values.empty()) return;
  std::deque<std::string> keys;
  RedisWords words;
  for (const StoredAttribute& value : values) {
    keys.push_back(encode_attribute_key(id, value.name));
    words.insert(words.end(), {"a", keys.back(), value.value, ""});
  }
  change_all(words);
}

std::optional<std::string> RedisItems::latest_change() {
  const RedisWords latest = {"XREVRANGE", changes_, "+", "-", "COUNT", "1"};
  const RedisReply reply = redis_.answer_now(latest, REDIS_REPLY_ARRAY);
  if (reply->elements > 0) return std::string(text_of(*elements(*elements(*reply)[0])[0]));
  // There is always a latest one, so that a place can be looked for.
  const RedisWords begin = {"XADD", changes_, "*", "-", "-", "by", "-"};
  return std::string(text_of(*redis_.answer_now(begin, REDIS_REPLY_STRING)));
}

SharedChanges RedisItems::changes_behind(std::string& place,
                                         std::span<const std::string> names) const {
  const std::string count = std::to_string(1 + kChangesAtOnce);
  const RedisWords range = {"XRANGE", changes_, place, "+", "COUNT", count};
  const RedisReply reply = redis_.answer_now(range, REDIS_REPLY_ARRAY);
  SharedChanges changes;
  const auto entries = elements(*reply);
  const auto place_of = [](const redisReply& entry) { return text_of(*elements(entry)[0]); };
  changes.missed = entries.empty() || place_of(*entries[0]) != place;
  if (changes.missed) return changes;
  changes.more = entries.size() > kChangesAtOnce;
  const std::string own = this->own();
  Names items, attributes;
  for (const redisReply* entry : entries.subspan(1)) {
    const auto fields = elements(*elements(*entry)[1]);
    if (fields.size() < 4 || text_of(*fields[3]) == own) continue;
    const std::string key(text_of(*fields[1]));
    if (text_of(*fields[0]) == "a") attributes.insert(key);
    if (text_of(*fields[0]) != "i") continue;
    items.insert(key);
    for (const std::string& name : names) attributes.insert(encode_attribute_key(key, name));
  }
  if (!items.empty()) read_items(items, changes);
  if (!attributes.empty()) read_attributes(attributes, changes);
  place = place_of(*entries.back());
  return changes;
}

void RedisItems::for_each_attribute(
    const std::function<void(std::string_view, const StoredAttribute&)>& visit) const {
  std::string cursor = "0";
  do {
    const RedisReply reply =
        redis_.answer_now({"HSCAN", attributes_, cursor, "COUNT", "1000"}, REDIS_REPLY_ARRAY);
    const auto fields = elements(*elements(*reply)[1]);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      const auto names = decode_attribute_key(text_of(*fields[i]));
      if (!names) fail("{}: an attribute is broken", attributes_);
      visit(names->first, {std::string(names->second), std::string(text_of(*fields[i + 1]))});
    }
    cursor = text_of(*elements(*reply)[0]);
  } while (cursor != "0");
}

void RedisItems::erase(std::string_view id) {
  check_id(id);
  const std::string record = encode_erased_item();
  change_all({"i", id, record, ""});
}

void RedisItems::restore(std::string_view id) {
  check_id(id);
  change_all({"i", id, "", ""});
}

void RedisItems::for_each(const std::function<void(const StoredItem&)>& put,
                          const std::function<void(std::string_view)>& erased) const {
  Names seen;  // a scan may return what it returned before
  std::string cursor = "0";
  do {
    const RedisReply reply =
        redis_.answer_now({"HSCAN", items_, cursor, "COUNT", "1000"}, REDIS_REPLY_ARRAY);
    const auto fields = elements(*elements(*reply)[1]);
    if (!fields.empty()) tell_items(fields, seen, put, erased);
    cursor = text_of(*elements(*reply)[0]);
  } while (cursor != "0");
}

std::string RedisItems::own() const {
  const std::lock_guard lock(mutex_);
  return own_;
}

/// Changes in fours, as the script wants them.
void RedisItems::change_all(const RedisWords& fours) {
  const std::string own = this->own();
  RedisWords words = {"4", items_, tokens_, attributes_, changes_, limit_, own};
  words.insert(words.end(), fours.begin(), fours.end());
  try {
    wait(redis_.run(change_, words, Repeat::kSafe));
  } catch (const Error&) {
    // It may have happened all the same, which nobody here knows: under another name it will be
    // heard of like what others changed.
    const std::lock_guard lock(mutex_);
    own_ = unlike_others();
    throw;
  }
}

/// `fields`: ids and records of some items, in turn.
void RedisItems::tell_items(std::span<redisReply* const> fields, Names& seen,
                            const std::function<void(const StoredItem&)>& put,
                            const std::function<void(std::string_view)>& erased) const {
  RedisWords command = {"HMGET", tokens_};
  for (std::size_t i = 0; i < fields.size(); i += 2) command.push_back(text_of(*fields[i]));
  const RedisReply tokens = redis_.answer_now(command, REDIS_REPLY_ARRAY);
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view id = text_of(*fields[i]);
    if (!seen.emplace(id).second) continue;
    tell_item(id, *fields[i + 1], *elements(*tokens)[i / 2], put, erased);
  }
}

/// `tokens`: what a model made of its text, or no text.
void RedisItems::tell_item(std::string_view id, const redisReply& record, const redisReply& tokens,
                           const std::function<void(const StoredItem&)>& put,
                           const std::function<void(std::string_view)>& erased) const {
  const auto with_tokens = [&](const StoredItem& item) {
    StoredItem whole = item;
    if (tokens.type == REDIS_REPLY_STRING) whole.tokens = text_of(tokens);
    put(whole);
  };
  if (!decode_item(id, text_of(record), with_tokens, erased)) {
    fail("{}: what is stored of item '{}' is broken; put the item again", redis_.name(), id);
  }
}

/// The fields of a hash, in the names' order; nil for one that is not there.
RedisReply RedisItems::fields_of(const std::string& hash, const Names& names) const {
  RedisWords command = {"HMGET", hash};
  command.insert(command.end(), names.begin(), names.end());
  return redis_.answer_now(command, REDIS_REPLY_ARRAY);
}

/// Adds these items as they are now.
void RedisItems::read_items(const Names& ids, SharedChanges& changes) const {
  const RedisReply records = fields_of(items_, ids), tokens = fields_of(tokens_, ids);
  std::size_t i = 0;
  for (const std::string& id : ids) {
    const redisReply& record = *elements(*records)[i];
    if (record.type == REDIS_REPLY_NIL) {
      changes.restored.emplace_back(id);
    } else {
      tell_item(
          id, record, *elements(*tokens)[i],
          [&](const StoredItem& item) { changes.put.push_back(item); },
          [&](std::string_view gone) { changes.erased.emplace_back(gone); });
    }
    ++i;
  }
}

/// And these attributes.
void RedisItems::read_attributes(const Names& keys, SharedChanges& changes) const {
  const RedisReply values = fields_of(attributes_, keys);
  std::size_t i = 0;
  for (const std::string& key : keys) {
    const redisReply& value = *elements(*values)[i++];
    const auto names = decode_attribute_key(key);
    if (!names) fail("{}: an attribute is broken", attributes_);
    if (value.type == REDIS_REPLY_NIL) continue;
    changes.attributes.emplace_back(
        std::string(names->first),
        StoredAttribute{std::string(names->second), std::string(text_of(value))});
  }
}

}  // namespace tessera
