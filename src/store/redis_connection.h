#pragma once
#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/redis_address.h"
#include "store/tls_tunnel.h"

namespace tessera {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeReply>;

/// A command, word by word.
using RedisWords = std::vector<std::string_view>;
/// As the server reads it.
std::string bytes_of(const RedisWords& command);

inline std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }
inline std::span<redisReply* const> elements(const redisReply& reply) {
  return {reply.element, reply.elements};
}
inline bool is_error(const redisReply& reply) { return reply.type == REDIS_REPLY_ERROR; }
inline bool is_error(const redisReply& reply, std::string_view code) {
  return is_error(reply) && text_of(reply).starts_with(code);
}

/// A connection to a server, and what it goes through by TLS.
struct RedisConnection {
  struct Free {
    void operator()(redisContext* opened) const { redisFree(opened); }
  };
  std::unique_ptr<TlsTunnel> tunnel;
  std::unique_ptr<redisContext, Free> context;
};

/// Connects, to the master that a Sentinel names where the address has those, and says who it is;
/// each step of it within the timeout. From here on reads and writes wait for nothing. Throws Error
/// that names the server. Not for the address of a cluster.
RedisConnection connect_redis(const RedisAddress& address, std::chrono::milliseconds timeout);

}  // namespace tessera
