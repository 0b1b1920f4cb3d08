#include "store/redis_store.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "store/records.h"
#include "store/redis_items.h"
#include "store/redis_keys.h"
#include "store/redis_scripts.h"
#include "store/redis_servers.h"

namespace tessera {
namespace {

// 1 had events without times, which are read as they are. A program that knows only 1 may still run
// beside: what it appends is kept, and what it erases is gone.
constexpr int kRedisSchema = 2;

class RedisStore final : public Store {
 public:
  /// `writes`: whether more than reading is meant, and a new store may begin.
  RedisStore(const std::string& spec, const StoreOptions& options, bool writes)
      : options_(options),
        clock_(options.clock),
        redis_(parse_redis_address(spec), options.redis_timeout),
        keys_(options.redis_prefix, redis_.is_cluster()),
        feedback_(keys_.shared("feedback")),
        clock_key_(keys_.shared("clock")),
        items_(redis_, keys_, options.change_limit) {
    check_schema(writes);
    if (writes) go_on_with_clock();
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
    if (const auto bound = clock_.bound_to_keep(receipt)) {
      // Before the events, since a cluster may have it elsewhere: one that is too high does no
      // harm.
      const std::string kept = std::to_string(*bound);
      const RedisWords raise = {"1", clock_key_, kept};
      Task<RedisReply> raising = redis_.run(raise_, raise, Repeat::kSafe);
      co_await std::move(raising);
    }
    co_return co_await run_append(user, received, idempotency_key, digest, repeat);
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
    co_return co_await run_append(user, {}, idempotency_key, digest, Repeat::kSafe);
  }

  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    return wait(history_async(user));
  }

  Task<std::optional<std::vector<std::string>>> history_async(
      std::string_view user) const override {
    check_id(user);
    const std::string key = keys_.history(user);
    const RedisWords command = {"LRANGE", key, "0", "-1"};
    const RedisReply reply = co_await redis_.answer(command, REDIS_REPLY_ARRAY);
    if (reply->elements == 0) co_return std::nullopt;
    auto items = record_of(*reply).items();
    if (!items) fail_broken(user);
    co_return items;
  }

  /// The cursor is that of a scan, in a cluster behind the name of a master and a blank.
  std::string for_each_history(std::string_view cursor, const VisitHistory& visit) const override {
    const std::string pattern = keys_.histories();
    const std::vector<std::string> masters = redis_.masters();
    const auto behind = [&](const std::string& name, std::string_view at_there) {
      return name.empty() ? std::string(at_there) : fmt::format("{} {}", name, at_there);
    };
    const std::size_t blank = cursor.rfind(' ');
    const std::string_view name =
        blank == cursor.npos ? std::string_view() : cursor.substr(0, blank);
    std::string at(cursor.empty() ? "0" : cursor.substr(blank + 1));
    auto master = cursor.empty() ? masters.begin() : std::ranges::find(masters, name);
    if (master == masters.end()) {
      fail("{}: the servers are others than when the scan began; begin it anew", redis_.name());
    }
    for (; master != masters.end(); ++master) {
      for (bool more = true, first = true; first || at != "0"; first = false) {
        const RedisWords scan = {"SCAN", at, "MATCH", pattern, "COUNT", "64"};
        const RedisReply reply = redis_.answer_at(*master, scan, REDIS_REPLY_ARRAY);
        const auto keys = elements(*elements(*reply)[1]);
        if (!keys.empty()) more = tell_histories(keys, visit);
        at = text_of(*elements(*reply)[0]);
        if (more) continue;
        if (at != "0") return behind(*master, at);
        return master + 1 == masters.end() ? "" : behind(*(master + 1), "0");
      }
    }
    return "";
  }

  std::size_t about_users() const override {
    std::size_t keys = 0;
    for (const std::string& master : redis_.masters()) {
      keys += static_cast<std::size_t>(
          redis_.answer_at(master, {"DBSIZE"}, REDIS_REPLY_INTEGER)->integer);
    }
    return keys;
  }

  std::chrono::milliseconds clock_behind() const override { return clock_.behind(); }

  bool erase_history(std::string_view user) override { return wait(erase_history_async(user)); }

  Task<bool> erase_history_async(std::string_view user) override {
    check_id(user);
    const std::string history = keys_.history(user), keys = keys_.keys(user);
    const std::string digests = keys_.digests(user);
    const RedisWords command = {"DEL", history, keys, digests};
    const RedisReply erased = co_await redis_.answer(command, REDIS_REPLY_INTEGER);
    co_return erased->integer != 0;
  }

  void add_feedback(const StoredFeedback& feedback) override { wait(add_feedback_async(feedback)); }

  Task<bool> add_feedback_async(const StoredFeedback& feedback) override {
    const std::string limit = std::to_string(options_.feedback_limit);
    const std::string record = encode_feedback(feedback);
    const RedisWords command = {"XADD", feedback_, "MAXLEN", "~", limit, "*", "r", record};
    co_await redis_.answer(command, REDIS_REPLY_STRING);
    co_return true;
  }

  void for_each_feedback(const std::function<void(const StoredFeedback&)>& visit) const override {
    for (std::string from = "-"; !from.empty();) {
      const RedisReply reply =
          redis_.answer_now({"XRANGE", feedback_, from, "+", "COUNT", "1000"}, REDIS_REPLY_ARRAY);
      from.clear();
      for (const redisReply* entry : elements(*reply)) {
        const auto fields = elements(*elements(*entry)[1]);
        const auto feedback =
            fields.size() < 2 ? std::nullopt : decode_feedback(text_of(*fields[1]));
        if (!feedback) fail("{}: a record of feedback is broken", feedback_);
        visit(*feedback);
        from = fmt::format("({}", text_of(*elements(*entry)[0]));
      }
    }
  }

  void check() const override { wait(check_async()); }

  Task<bool> check_async() const override {
    const RedisWords command = {"PING"};
    for (const std::string& master : redis_.masters()) {
      const RedisReply reply = co_await redis_.ask_at(master, command, Repeat::kSafe);
      redis_.check(*reply, REDIS_REPLY_STATUS);
    }
    co_return true;
  }

  void put_item(const StoredItem& item) override { items_.put(item); }
  void erase_item(std::string_view id) override { items_.erase(id); }
  void restore_item(std::string_view id) override { items_.restore(id); }
  void keep_tokens(std::span<const StoredItem> items) override { items_.keep_tokens(items); }
  void put_attributes(std::string_view id, std::span<const StoredAttribute> values) override {
    items_.put_attributes(id, values);
  }
  void change_items(std::span<const StoredChange> changes) override { items_.change(changes); }
  std::optional<std::string> latest_change() override { return items_.latest_change(); }
  SharedChanges changes_behind(std::string& place,
                               std::span<const std::string> attributes) const override {
    return items_.changes_behind(place, attributes);
  }
  void for_each_item(const std::function<void(const StoredItem&)>& put,
                     const std::function<void(std::string_view)>& erased) const override {
    items_.for_each(put, erased);
  }
  void for_each_attribute(
      const std::function<void(std::string_view, const StoredAttribute&)>& visit) const override {
    items_.for_each_attribute(visit);
  }

  void backup(const fs::path&) override {
    fail("{}: is backed up by the means of the server (BGSAVE)", redis_.name());
  }

 private:
  Task<Append> run_append(std::string_view user, std::span<const std::string> events,
                          std::string_view idempotency_key, std::string_view digest,
                          Repeat repeat) const {
    const std::string history = keys_.history(user), keys = keys_.keys(user);
    const std::string digests = keys_.digests(user);
    const std::string limit = std::to_string(options_.history_limit);
    const std::string key_limit = std::to_string(kIdempotencyKeys);
    RedisWords words = {"3", history, keys, digests, limit, key_limit, idempotency_key, digest};
    words.insert(words.end(), events.begin(), events.end());
    Task<RedisReply> running = redis_.run(append_, words, repeat);
    const RedisReply reply = co_await std::move(running);
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
    bool more = true;
    std::vector<RedisWords> commands;
    for (const redisReply* key : keys) commands.push_back({"LRANGE", text_of(*key), "0", "-1"});
    std::vector<std::future<RedisReply>> histories;  // in a cluster, of several nodes
    for (const RedisWords& command : commands) {
      histories.push_back(begin(redis_.answer(command, REDIS_REPLY_ARRAY)));
    }
    for (const auto& history : histories) history.wait();  // they look into the commands
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const RedisReply reply = histories[i].get();
      const redisReply& history = *reply;
      if (history.elements == 0) continue;  // erased since the scan
      const std::string_view user = keys_.user_of(text_of(*keys[i]));
      const auto events = record_of(history).whole_events();
      if (!events) fail_broken(user);
      more = visit(user, *events) && more;
    }
    return more;
  }

  /// Older events are read as they are; so that an older program does not read what is written now,
  /// the version is raised, which is one write.
  void check_schema(bool writes) const {
    const std::string key = keys_.shared("schema");
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
    const std::string bound = value_of(clock_key_);
    if (!bound.empty()) clock_.go_on_from(std::strtoll(bound.c_str(), nullptr, 10));
  }

  /// "" if there is none.
  std::string value_of(const std::string& key) const { return wait(value_of_async(key)); }
  Task<std::string> value_of_async(const std::string& key) const {
    const RedisWords command = {"GET", key};
    const RedisReply reply = co_await redis_.ask(command, Repeat::kSafe);
    if (reply->type == REDIS_REPLY_NIL) co_return std::string();
    redis_.check(*reply, REDIS_REPLY_STRING);
    co_return std::string(text_of(*reply));
  }

  /// `when`: NX, if there is none; XX, if there is one. The answer is a status, or nil.
  Task<bool> set_if(const std::string& key, const std::string& value, std::string_view when) const {
    const RedisWords command = {"SET", key, value, when};
    const RedisReply set = co_await redis_.ask(command, Repeat::kSafe);
    if (set->type == REDIS_REPLY_ERROR) redis_.check(*set, REDIS_REPLY_STATUS);
    co_return true;
  }

  StoreOptions options_;
  ReceiptClock clock_;
  RedisServers redis_;
  const RedisKeys keys_;
  const std::string feedback_, clock_key_;  // keys of the stream, and of the clock's bound
  const RedisScript append_{kAppendScript}, raise_{kRaiseScript};
  RedisItems items_;  // it uses the above
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
