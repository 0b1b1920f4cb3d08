#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "store/redis_pipeline.h"

namespace tessera {

/// The slots of a cluster's keys.
inline constexpr std::size_t kRedisSlots = 16384;
/// The slot of a key, or of what stands between the first { and the } behind it unless that is
/// empty (the Redis Cluster Specification): CRC-16 of XMODEM, modulo the number of slots.
std::size_t redis_slot(std::string_view key);

/// A script, and its name, by which a server that has run it knows it.
struct RedisScript {
  explicit RedisScript(std::string_view text);
  std::string_view text;
  std::string name;  ///< its SHA-1
};

/// What an address means, asked as one: a server, the master that Sentinels name, or a cluster,
/// where each command goes to the node that has its key, keys move and replicas become masters.
/// Every function may be called from several threads at once.
class RedisServers {
 public:
  /// Throws Error if no node of a cluster is reached.
  RedisServers(RedisAddress address, std::chrono::milliseconds timeout);
  /// Whoever still waits gets an error.
  ~RedisServers();
  RedisServers(const RedisServers&) = delete;
  RedisServers& operator=(const RedisServers&) = delete;

  /// A command's answer, as RedisPipeline's. All keys of a command lie in one slot.
  Task<RedisReply> ask(const RedisWords& command, Repeat repeat) const;

  /// Throws Error that names the server for an answer that is an error, or not of this type.
  void check(const redisReply& reply, int type) const;
  /// The answer of this type to a command that may be sent twice.
  Task<RedisReply> answer(const RedisWords& command, int type) const;
  /// The same, waited for; and from one of the masters.
  RedisReply answer_now(const RedisWords& command, int type) const;
  RedisReply answer_at(std::string_view master, const RedisWords& command, int type) const;
  /// A script's answer, a number; `words`: how many keys, the keys, and the arguments.
  Task<RedisReply> run(const RedisScript& script, const RedisWords& words, Repeat repeat) const;

  bool is_cluster() const { return address_.kind == RedisAddress::Kind::cluster; }
  /// The name for messages.
  const std::string& name() const { return name_; }

  /// The masters of a cluster now, in the order of their first slots; or the one server.
  std::vector<std::string> masters() const;
  /// A command to that one. Throws Error if it is none of them.
  Task<RedisReply> ask_at(std::string_view master, const RedisWords& command, Repeat repeat) const;

 private:
  using Clock = std::chrono::steady_clock;

  // Of a cluster:
  Task<RedisReply> ask_cluster(const RedisWords& command, Repeat repeat) const;
  /// Which node it was that answered, and what it says of where the key is.
  struct Moved;
  static std::optional<Moved> moved_of(const redisReply& reply, const RedisPipeline& node);
  /// Asks the nodes who has which slot, unless that was just done; true if one of them said so.
  Task<bool> refresh(const RedisPipeline* silent) const;
  /// False if the answer is none.
  bool take_slots(const redisReply& reply, const RedisPipeline& node) const;
  // These take the lock:
  RedisPipeline& node_of(std::size_t slot) const;
  RedisPipeline& node_at(const RedisHost& host) const;
  std::vector<RedisPipeline*> all_nodes() const;
  bool may_refresh() const;

  const RedisAddress address_;
  const std::string name_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;  // guards what follows
  // By the host and port. Nodes that the cluster has no more stay: a task may run in their threads.
  mutable std::map<std::string, std::unique_ptr<RedisPipeline>> nodes_;
  mutable std::vector<RedisPipeline*> by_slot_;  // [kRedisSlots], null: nobody has it
  mutable Clock::time_point refreshed_{};
  mutable std::optional<std::string> error_;
};

}  // namespace tessera
