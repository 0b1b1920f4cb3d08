#include "store/redis_store.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/error.h"
#include "store/records.h"
#include "store/redis_pipeline.h"

namespace tessera {
namespace {

// 1 had events without times, which are read as they are. A program that knows only 1 may still run
// beside: what it appends is kept, and what it erases is gone.
constexpr int kRedisSchema = 2;

// One script is one atomic step of the server; the other operations are one command each. A script
// is not rolled back: whatever can fail comes before what would then be left behind, the events
// before their key.
// KEYS: the user's history, the user's idempotency keys, the digests of their batches, the clock.
// ARGV: history limit, how many idempotency keys to keep, idempotency key or nothing, digest of the
// batch, bound of the clock or nothing, events … (none: only tell)
// Answers 0 done, 1 repeated, 2 conflict, as Append.
constexpr std::string_view kAppend = R"lua(
local key, digest = ARGV[3], ARGV[4]
if key ~= '' then
  local known = redis.call('HGET', KEYS[3], key)
  if redis.call('LPOS', KEYS[2], key) then
    if known and known ~= digest then return 2 end
    return 1
  end
end
if #ARGV == 5 then return 0 end
for first = 6, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[1]), -1)
if ARGV[5] ~= '' and tonumber(ARGV[5]) > tonumber(redis.call('GET', KEYS[4]) or 0) then
  redis.call('SET', KEYS[4], ARGV[5])
end
if key ~= '' then
  redis.call('RPUSH', KEYS[2], key)
  redis.call('HSET', KEYS[3], key, digest)
  while redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) do
    redis.call('HDEL', KEYS[3], redis.call('LPOP', KEYS[2]))
  end
end
return 0
)lua";

// Some users' histories. KEYS: of each.
constexpr std::string_view kHistories = R"lua(
local all = {}
for i, key in ipairs(KEYS) do all[i] = redis.call('LRANGE', key, 0, -1) end
return all
)lua";

// An item with what a model made of its text, or the end of both. KEYS: items, tokens. ARGV: id,
// item, tokens or nothing.
constexpr std::string_view kPut = R"lua(
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] == '' then return redis.call('HDEL', KEYS[2], ARGV[1]) end
return redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
)lua";

std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

class RedisStore final : public Store {
 public:
  /// `writes`: whether more than reading is meant, and a new store may begin.
  RedisStore(const std::string& spec, const StoreOptions& options, bool writes)
      : options_(options),
        clock_(options.clock),
        items_(options.redis_prefix + "items"),
        tokens_(options.redis_prefix + "tokens"),
        attributes_(options.redis_prefix + "attributes"),
        feedback_(options.redis_prefix + "feedback"),
        redis_(parse_redis_address(spec), options.redis_timeout) {
    check_schema(writes);
    if (!writes) return;
    go_on_with_clock();
    append_ = text_of(*ask({"SCRIPT", "LOAD", kAppend}, REDIS_REPLY_STRING));
  }

  Append append_events(std::string_view user, std::span<const StoredEvent> events,
                       std::string_view idempotency_key) override {
    return wait(append_events_async(user, events, idempotency_key));
  }

  Task<Append> append_events_async(std::string_view user, std::span<const StoredEvent> events,
                                   std::string_view idempotency_key) override {
    check_append(user, events, idempotency_key);
    if (events.empty()) co_return Append::kDone;
    // Without a key nobody could tell whether the first attempt arrived. With one the second
    // attempt changes nothing if it did, and says so: done or repeated, the events are there once.
    const Repeat repeat = idempotency_key.empty() ? Repeat::kUnsafe : Repeat::kSafe;
    const std::string digest = batch_digest(events);
    const Receipt receipt = clock_.receive();
    const auto received = received_events(events, options_.history_limit, receipt);
    const auto bound = clock_.bound_to_keep(receipt);
    const std::string kept = bound ? std::to_string(*bound) : "";
    co_return co_await run_append(user, received, idempotency_key, digest, kept, repeat);
  }

  Append foresee_append(std::string_view user, std::span<const StoredEvent> events,
                        std::string_view idempotency_key) const override {
    return wait(foresee_append_async(user, events, idempotency_key));
  }

  Task<Append> foresee_append_async(std::string_view user, std::span<const StoredEvent> events,
                                    std::string_view idempotency_key) const override {
    check_append(user, events, idempotency_key);
    if (events.empty() || idempotency_key.empty()) co_return Append::kDone;
    const std::string digest = batch_digest(events);
    co_return co_await run_append(user, {}, idempotency_key, digest, "", Repeat::kSafe);
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    return wait(history_async(user));
  }

  Task<std::optional<std::vector<std::string>>> history_async(
      std::string_view user) const override {
    check_id(user);
    const std::string key = history_key(user);
    const Words command = {"LRANGE", key, "0", "-1"};
    const RedisReply reply = co_await ask_async(command, REDIS_REPLY_ARRAY);
    if (reply->elements == 0) co_return std::nullopt;
    auto items = record_of(*reply).items();
    if (!items) fail_broken(user);
    co_return items;
  }

  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    const std::string pattern = escaped(options_.redis_prefix + "h:") + "*";
    std::string at(cursor.empty() ? "0" : cursor);
    bool more = true;
    do {
      const RedisReply reply =
          ask({"SCAN", at, "MATCH", pattern, "COUNT", "64"}, REDIS_REPLY_ARRAY);
      const auto keys = elements(*elements(*reply)[1]);
      if (!keys.empty()) more = tell_histories(keys, visit);
      at = text_of(*elements(*reply)[0]);
    } while (more && at != "0");
    return at == "0" ? "" : at;
  }

  std::size_t about_users() const override {
    return static_cast<std::size_t>(ask({"DBSIZE"}, REDIS_REPLY_INTEGER)->integer);
  }

  std::chrono::milliseconds clock_behind() const override { return clock_.behind(); }

  bool erase_history(std::string_view user) override { return wait(erase_history_async(user)); }

  Task<bool> erase_history_async(std::string_view user) override {
    check_id(user);
    const std::string history = history_key(user), keys = keys_key(user);
    const std::string digests = digests_key(user);
    const Words command = {"DEL", history, keys, digests};
    const RedisReply erased = co_await ask_async(command, REDIS_REPLY_INTEGER);
    co_return erased->integer != 0;
  }

  void put_item(const StoredItem& item) override {
    check_id(item.id);
    ask({"EVAL", kPut, "2", items_, tokens_, item.id, encode_item(item), item.tokens},
        REDIS_REPLY_INTEGER);
  }

  void change_items(std::span<const StoredChange> changes) override {
    std::vector<std::string> texts;  // what the words refer to
    texts.reserve(4 * changes.size());
    Words items = {"HSET", items_}, tokens = {"HSET", tokens_}, forgotten = {"HDEL", tokens_};
    Words attributes = {"HSET", attributes_};
    std::deque<std::string> keys;
    for (const auto& [item, kind, values] : changes) {
      check_id(item.id);
      const bool put = kind == StoredChange::Kind::put;
      if (kind != StoredChange::Kind::attributes) {
        texts.push_back(put ? encode_item(item) : encode_erased_item());
        items.insert(items.end(), {item.id, texts.back()});
        if (put && !item.tokens.empty()) {
          tokens.insert(tokens.end(), {item.id, item.tokens});
        } else {
          forgotten.push_back(item.id);
        }
      }
      for (const StoredAttribute& value : values) {
        keys.push_back(encode_attribute_key(item.id, value.name));
        attributes.insert(attributes.end(), {keys.back(), value.value});
      }
    }
    // What a model made of an older text says so itself: the order of these does not matter.
    for (const Words* words : {&items, &forgotten, &tokens, &attributes}) {
      if (words->size() > 2) ask(*words, REDIS_REPLY_INTEGER);
    }
  }

  void keep_tokens(std::span<const StoredItem> items) override {
    if (items.empty()) return;
    Words command = {"HSET", tokens_};
    for (const StoredItem& item : items) {
      command.emplace_back(item.id);
      command.emplace_back(item.tokens);
    }
    ask(command, REDIS_REPLY_INTEGER);
  }

  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    check_id(id);
    if (values.empty()) return;
    std::vector<std::string> keys;
    for (const StoredAttribute& value : values) {
      keys.push_back(encode_attribute_key(id, value.name));
    }
    Words command = {"HSET", attributes_};
    for (std::size_t i = 0; i < keys.size(); ++i) {
      command.emplace_back(keys[i]);
      command.emplace_back(values[i].value);
    }
    ask(command, REDIS_REPLY_INTEGER);
  }

  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    std::string cursor = "0";
    do {
      const RedisReply reply =
          ask({"HSCAN", attributes_, cursor, "COUNT", "1000"}, REDIS_REPLY_ARRAY);
      const auto fields = elements(*elements(*reply)[1]);
      for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        const auto names = decode_attribute_key(text_of(*fields[i]));
        if (!names) fail("{}: an attribute is broken", attributes_);
        visit(names->first, {std::string(names->second), std::string(text_of(*fields[i + 1]))});
      }
      cursor = text_of(*elements(*reply)[0]);
    } while (cursor != "0");
  }

  void add_feedback(const StoredFeedback& feedback) override { wait(add_feedback_async(feedback)); }

  Task<bool> add_feedback_async(const StoredFeedback& feedback) override {
    const std::string limit = std::to_string(options_.feedback_limit);
    const std::string record = encode_feedback(feedback);
    const Words command = {"XADD", feedback_, "MAXLEN", "~", limit, "*", "r", record};
    co_await ask_async(command, REDIS_REPLY_STRING);
    co_return true;
  }

  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    for (std::string from = "-"; !from.empty();) {
      const RedisReply reply =
          ask({"XRANGE", feedback_, from, "+", "COUNT", "1000"}, REDIS_REPLY_ARRAY);
      from.clear();
      for (const redisReply* entry : elements(*reply)) {
        const auto fields = elements(*elements(*entry)[1]);
        const auto feedback = decode_feedback(text_of(*fields[1]));
        if (!feedback) fail("{}: a record of feedback is broken", feedback_);
        visit(*feedback);
        from = fmt::format("({}", text_of(*elements(*entry)[0]));
      }
    }
  }

  void check() const override { wait(check_async()); }

  Task<bool> check_async() const override {
    const Words command = {"PING"};
    co_await ask_async(command, REDIS_REPLY_STATUS);
    co_return true;
  }

  void erase_item(std::string_view id) override {
    check_id(id);
    ask({"EVAL", kPut, "2", items_, tokens_, id, encode_erased_item(), ""}, REDIS_REPLY_INTEGER);
  }

  void restore_item(std::string_view id) override {
    check_id(id);
    ask({"HDEL", tokens_, id}, REDIS_REPLY_INTEGER);
    ask({"HDEL", items_, id}, REDIS_REPLY_INTEGER);
  }

  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    std::set<std::string, std::less<>> seen;  // a scan may return what it returned before
    std::string cursor = "0";
    do {
      const RedisReply reply = ask({"HSCAN", items_, cursor, "COUNT", "1000"}, REDIS_REPLY_ARRAY);
      const auto fields = elements(*elements(*reply)[1]);
      if (!fields.empty()) tell_items(fields, seen, put, erased);
      cursor = text_of(*elements(*reply)[0]);
    } while (cursor != "0");
  }

  void backup(const fs::path&) override {
    fail("{}: is backed up by the means of the server (BGSAVE)", redis_.name());
  }

 private:
  using Words = std::vector<std::string_view>;

  Task<Append> run_append(std::string_view user, std::span<const std::string> events,
                          std::string_view idempotency_key, std::string_view digest,
                          std::string_view bound, Repeat repeat) const {
    const std::string history = history_key(user), keys = keys_key(user);
    const std::string digests = digests_key(user);
    const std::string limit = std::to_string(options_.history_limit);
    const std::string key_limit = std::to_string(kIdempotencyKeys);
    const std::string clock = clock_key();
    Words command = {"EVALSHA", append_, "4",       history,         keys,   digests,
                     clock,     limit,   key_limit, idempotency_key, digest, bound};
    command.insert(command.end(), events.begin(), events.end());
    RedisReply reply = co_await redis_.ask(command, repeat);
    if (reply->type == REDIS_REPLY_ERROR && text_of(*reply).starts_with("NOSCRIPT")) {
      command[0] = "EVAL";  // a server that was restarted learns the script again
      command[1] = kAppend;
      reply = co_await redis_.ask(command, repeat);
    }
    check(*reply, REDIS_REPLY_INTEGER);
    co_return static_cast<Append>(reply->integer);
  }

  static HistoryRecord record_of(const redisReply& events) {
    HistoryRecord record;
    for (const redisReply* event : elements(events)) record.events.push_back(text_of(*event));
    return record;
  }

  [[noreturn]] void fail_broken(std::string_view user) const {
    fail("{}: the history of user '{}' is broken; erase it", redis_.name(), user);
  }

  /// `keys`: of some users' histories. Whether visit wants more.
  bool tell_histories(std::span<redisReply* const> keys, const VisitHistory& visit) const {
    const std::string count = std::to_string(keys.size());
    Words command = {"EVAL", kHistories, count};
    for (const redisReply* key : keys) command.push_back(text_of(*key));
    const RedisReply histories = ask(command, REDIS_REPLY_ARRAY);
    bool more = true;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const redisReply& history = *elements(*histories)[i];
      if (history.elements == 0) continue;  // erased since the scan
      const std::string_view user = text_of(*keys[i]).substr(options_.redis_prefix.size() + 2);
      const auto events = record_of(history).whole_events();
      if (!events) fail_broken(user);
      more = visit(user, *events) && more;
    }
    return more;
  }

  /// A text that a pattern of keys finds as it is.
  static std::string escaped(std::string_view text) {
    std::string pattern;
    for (const char c : text) {
      if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
    return pattern;
  }

  std::string clock_key() const { return options_.redis_prefix + "clock"; }
  std::string digests_key(std::string_view user) const {
    return options_.redis_prefix + "d:" + std::string(user);
  }
  std::string history_key(std::string_view user) const {
    return options_.redis_prefix + "h:" + std::string(user);
  }
  std::string keys_key(std::string_view user) const {
    return options_.redis_prefix + "k:" + std::string(user);
  }

  static std::span<redisReply* const> elements(const redisReply& reply) {
    return {reply.element, reply.elements};
  }

  /// `fields`: ids and records of some items, in turn.
  void tell_items(std::span<redisReply* const> fields, std::set<std::string, std::less<>>& seen,
                  const std::function<void(const StoredItem&)>& put,
                  const std::function<void(std::string_view)>& erased) const {
    Words command = {"HMGET", tokens_};
    for (std::size_t i = 0; i < fields.size(); i += 2) command.push_back(text_of(*fields[i]));
    const RedisReply tokens = ask(command, REDIS_REPLY_ARRAY);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      const std::string_view id = text_of(*fields[i]);
      if (!seen.emplace(id).second) continue;
      const redisReply& kept = *elements(*tokens)[i / 2];
      const auto with_tokens = [&](const StoredItem& item) {
        StoredItem whole = item;
        if (kept.type == REDIS_REPLY_STRING) whole.tokens = text_of(kept);
        put(whole);
      };
      if (!decode_item(id, text_of(*fields[i + 1]), with_tokens, erased)) {
        fail("{}: what is stored of item '{}' is broken; put the item again", redis_.name(), id);
      }
    }
  }

  void check(const redisReply& reply, int type) const {
    if (reply.type == REDIS_REPLY_ERROR) fail("{}: {}", redis_.name(), text_of(reply));
    if (reply.type != type) fail("{}: gave an answer of an unexpected kind", redis_.name());
  }

  /// The answer to a command that may be sent twice. Throws Error unless it is of this type.
  Task<RedisReply> ask_async(const Words& command, int type) const {
    RedisReply reply = co_await redis_.ask(command, Repeat::kSafe);
    check(*reply, type);
    co_return reply;
  }
  RedisReply ask(const Words& command, int type) const { return wait(ask_async(command, type)); }

  /// Older events are read as they are; so that an older program does not read what is written now,
  /// the version is raised, which is one write.
  void check_schema(bool writes) const {
    const std::string key = options_.redis_prefix + "schema";
    const std::string current = std::to_string(kRedisSchema);
    if (writes) wait(set_if(key, current, "NX"));
    const std::string known = value_of(key);
    if (known.empty()) fail("{}: holds no state of Tessera", redis_.name());
    if (known == "1" && writes) wait(set_if(key, current, "XX"));
    if (known != "1" && known != current) {
      fail("{}: has schema version '{}', but this program knows {}; use a newer one", redis_.name(),
           known, kRedisSchema);
    }
  }

  void go_on_with_clock() {
    const std::string bound = value_of(clock_key());
    if (!bound.empty()) clock_.go_on_from(std::strtoll(bound.c_str(), nullptr, 10));
  }

  /// "" if there is none.
  std::string value_of(const std::string& key) const { return wait(value_of_async(key)); }
  Task<std::string> value_of_async(const std::string& key) const {
    const Words command = {"GET", key};
    const RedisReply reply = co_await redis_.ask(command, Repeat::kSafe);
    if (reply->type == REDIS_REPLY_NIL) co_return std::string();
    check(*reply, REDIS_REPLY_STRING);
    co_return std::string(text_of(*reply));
  }

  /// `when`: NX, if there is none; XX, if there is one. The answer is a status, or nil.
  Task<bool> set_if(const std::string& key, const std::string& value, std::string_view when) const {
    const Words command = {"SET", key, value, when};
    const RedisReply set = co_await redis_.ask(command, Repeat::kSafe);
    if (set->type == REDIS_REPLY_ERROR) check(*set, REDIS_REPLY_STATUS);
    co_return true;
  }

  StoreOptions options_;
  ReceiptClock clock_;
  // The keys of the hashes of items, of what models made of them, and of attributes; of the stream
  // of feedback.
  std::string items_, tokens_, attributes_, feedback_;
  std::string append_;  // the name of the script, its SHA-1
  mutable RedisPipeline redis_;
};

}  // namespace

bool is_redis(std::string_view spec) { return names_redis(spec); }

std::unique_ptr<Store> open_redis_store(const std::string& spec, const StoreOptions& options) {
  return std::make_unique<RedisStore>(spec, options, true);
}

std::unique_ptr<StoredState> open_redis_state(const std::string& spec,
                                              const StoreOptions& options) {
  return std::make_unique<RedisStore>(spec, options, false);
}

}  // namespace tessera
