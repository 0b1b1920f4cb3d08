#include "store/redis_store.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "store/records.h"
#include "store/redis_connections.h"

namespace tessera {
namespace {

constexpr int kRedisSchema = 1;

// One script is one atomic step of the server; the other operations are one command each. A script
// is not rolled back: whatever can fail comes before what would then be left behind, the events
// before their key.
// KEYS: the user's history, the user's idempotency keys, the digests of their batches.
// ARGV: history limit, how many idempotency keys to keep, idempotency key or nothing, digest of the
// batch, events … (none: only tell)
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
if #ARGV == 4 then return 0 end
for first = 5, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[1]), -1)
if key ~= '' then
  redis.call('RPUSH', KEYS[2], key)
  redis.call('HSET', KEYS[3], key, digest)
  while redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) do
    redis.call('HDEL', KEYS[3], redis.call('LPOP', KEYS[2]))
  end
end
return 0
)lua";

std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

class RedisStore final : public Store {
 public:
  RedisStore(const std::string& spec, const StoreOptions& options)
      : options_(options),
        redis_(parse_redis_address(spec), options.redis_timeout),
        items_(options.redis_prefix + "items"),
        tokens_(options.redis_prefix + "tokens") {
    check_schema();
    append_ = text_of(*ask({"SCRIPT", "LOAD", kAppend}, REDIS_REPLY_STRING));
  }

  Append append_events(std::string_view user, std::span<const std::string> items,
                       std::string_view idempotency_key) override {
    check_append(user, items, idempotency_key);
    if (items.empty()) return Append::kDone;
    // Without a key nobody could tell whether the first attempt arrived. With one the second
    // attempt changes nothing if it did, and says so: done or repeated, the events are there once.
    return run_append(user, items.last(std::min(items.size(), options_.history_limit)),
                      idempotency_key, batch_digest(items),
                      idempotency_key.empty() ? Repeat::kUnsafe : Repeat::kSafe);
  }

  Append foresee_append(std::string_view user, std::span<const std::string> items,
                        std::string_view idempotency_key) const override {
    check_append(user, items, idempotency_key);
    if (items.empty() || idempotency_key.empty()) return Append::kDone;
    return run_append(user, {}, idempotency_key, batch_digest(items), Repeat::kSafe);
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    check_id(user);
    const RedisReply reply = ask({"LRANGE", history_key(user), "0", "-1"}, REDIS_REPLY_ARRAY);
    if (reply->elements == 0) return std::nullopt;
    std::vector<std::string> events;
    for (const redisReply* event : elements(*reply)) events.emplace_back(text_of(*event));
    return events;
  }

  bool erase_history(std::string_view user) override {
    check_id(user);
    const RedisReply erased =
        ask({"DEL", history_key(user), keys_key(user), digests_key(user)}, REDIS_REPLY_INTEGER);
    return erased->integer != 0;
  }

  void put_item(const StoredItem& item) override {
    check_id(item.id);
    ask({"HSET", items_, item.id, encode_item(item)}, REDIS_REPLY_INTEGER);
    if (!item.tokens.empty()) keep_tokens({&item, 1});
  }

  void keep_tokens(std::span<const StoredItem> items) override {
    if (items.empty()) return;
    std::vector<std::string_view> command = {"HSET", tokens_};
    for (const StoredItem& item : items) {
      command.emplace_back(item.id);
      command.emplace_back(item.tokens);
    }
    ask(command, REDIS_REPLY_INTEGER);
  }

  void check() const override { ask({"PING"}, REDIS_REPLY_STATUS); }

  void erase_item(std::string_view id) override {
    check_id(id);
    ask({"HSET", items_, id, encode_erased_item()}, REDIS_REPLY_INTEGER);
    ask({"HDEL", tokens_, id}, REDIS_REPLY_INTEGER);
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
  Append run_append(std::string_view user, std::span<const std::string> events,
                    std::string_view idempotency_key, std::string_view digest,
                    Repeat repeat) const {
    const std::string history = history_key(user), keys = keys_key(user);
    const std::string digests = digests_key(user);
    const std::string limit = std::to_string(options_.history_limit);
    const std::string key_limit = std::to_string(kIdempotencyKeys);
    std::vector<std::string_view> command = {
        "EVALSHA", append_, "3", history, keys, digests, limit, key_limit, idempotency_key, digest};
    command.insert(command.end(), events.begin(), events.end());
    RedisReply reply = redis_.ask(command, repeat);
    if (reply->type == REDIS_REPLY_ERROR && text_of(*reply).starts_with("NOSCRIPT")) {
      command[0] = "EVAL";  // a server that was restarted learns the script again
      command[1] = kAppend;
      reply = redis_.ask(command, repeat);
    }
    check(*reply, REDIS_REPLY_INTEGER);
    return static_cast<Append>(reply->integer);
  }

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
    std::vector<std::string_view> command = {"HMGET", tokens_};
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
  RedisReply ask(const std::vector<std::string_view>& command, int type) const {
    RedisReply reply = redis_.ask(command, Repeat::kSafe);
    check(*reply, type);
    return reply;
  }

  void check_schema() const {
    const std::string key = options_.redis_prefix + "schema";
    const auto set = redis_.ask({"SET", key, std::to_string(kRedisSchema), "NX"}, Repeat::kSafe);
    if (set->type == REDIS_REPLY_ERROR) check(*set, REDIS_REPLY_STATUS);
    const RedisReply reply = ask({"GET", key}, REDIS_REPLY_STRING);
    if (text_of(*reply) != std::to_string(kRedisSchema)) {
      fail("{}: has schema version '{}', but this program knows {}; use a newer one", redis_.name(),
           text_of(*reply), kRedisSchema);
    }
  }

  StoreOptions options_;
  mutable RedisConnections redis_;
  std::string items_, tokens_;  // the keys of the hashes of items and of what models made of them
  std::string append_;          // the name of the script, its SHA-1
};

}  // namespace

bool is_redis(std::string_view spec) {
  return spec.starts_with("redis://") || spec.starts_with("valkey://") || spec.starts_with("unix:");
}

std::unique_ptr<Store> open_redis_store(const std::string& spec, const StoreOptions& options) {
  return std::make_unique<RedisStore>(spec, options);
}

}  // namespace tessera
