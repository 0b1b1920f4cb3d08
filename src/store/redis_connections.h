#pragma once
#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Where a Redis server is, as redis:// or valkey://[[user]:password@]host[:port][/number] or
/// unix:PATH says; user and password percent-encoded.
struct RedisAddress {
  std::string socket;  ///< a path; if empty, host and port
  std::string host;
  int port = 6379;
  std::string user, password;
  int database = 0;

  /// For messages: without the password.
  std::string name() const;
};

/// Throws UsageError that says what is wrong, without the password.
RedisAddress parse_redis_address(std::string_view spec);

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeReply>;

/// Whether a command may be sent again if the connection broke before its answer came.
enum class Repeat { kSafe, kUnsafe };

/// Connections to one server: as many as there are threads that wait for an answer, kept for the
/// next command. May be used by several threads at once.
class RedisConnections {
 public:
  RedisConnections(RedisAddress address, std::chrono::milliseconds timeout);
  ~RedisConnections();
  RedisConnections(const RedisConnections&) = delete;
  RedisConnections& operator=(const RedisConnections&) = delete;

  /// Sends a command and returns its answer, never null but perhaps of type REDIS_REPLY_ERROR.
  /// Connects anew where the connection was lost. Throws Error if the server is not reached or does
  /// not answer in time.
  RedisReply ask(const std::vector<std::string_view>& command, Repeat repeat);

  /// The server's name for messages.
  const std::string& name() const { return name_; }

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  using Connection = std::unique_ptr<redisContext, Free>;

  Connection take();
  Connection connect() const;

  RedisAddress address_;
  std::string name_;
  std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace tessera
