#pragma once
#include <string>
#include <string_view>

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

}  // namespace tessera
