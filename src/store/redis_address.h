#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// Where a Redis server is, as redis:// or valkey://[[user]:password@]host[:port][/number] or
/// unix:PATH says; user and password percent-encoded. rediss:// and valkeys:// are the same by TLS,
/// and may end with ?ca=FILE, the certificates of those who may have signed the server's.
struct RedisAddress {
  std::string socket;  ///< a path; if empty, host and port
  std::string host;
  int port = 6379;
  std::string user, password;
  int database = 0;
  bool tls = false;
  std::string authorities;  ///< a PEM file; empty: those of the system

  /// For messages: without the password.
  std::string name() const;
};

/// Whether it begins as one of these.
bool names_redis(std::string_view spec);
/// Throws UsageError that says what is wrong, without the password.
RedisAddress parse_redis_address(std::string_view spec);

}  // namespace tessera
