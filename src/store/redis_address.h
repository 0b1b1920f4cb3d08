#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// A host and a port of it.
struct RedisHost {
  std::string host;
  int port = 6379;

  bool operator==(const RedisHost&) const = default;
};

/// Where Redis is, as redis:// or valkey://[[user]:password@]host[:port][/number] or unix:PATH
/// says; user and password percent-encoded. rediss:// and valkeys:// are the same by TLS, and may
/// end with ?ca=FILE, the certificates of those who may have signed the server's. Several hosts,
/// with commas between:
///   redis-sentinel://…host[:port],host[:port]/master[/number]  Sentinels, which know the master
///   redis-cluster://…host[:port],host[:port]                   some nodes of a cluster
struct RedisAddress {
  enum class Kind { server, sentinel, cluster };

  std::string socket = {};  ///< a path; if empty, host and port
  std::string host = {};
  int port = 6379;
  std::string user = {}, password = {};
  int database = 0;
  bool tls = false;
  std::string authorities = {};  ///< a PEM file; empty: those of the system
  Kind kind = Kind::server;
  std::vector<RedisHost> hosts = {};  ///< the Sentinels, or some nodes of the cluster
  std::string master = {};            ///< as the Sentinels call it

  /// For messages: without the password.
  std::string name() const;
  /// One server of those meant, asked by the same means.
  RedisAddress at(const RedisHost& one) const;
};

/// Whether it begins as one of these.
bool names_redis(std::string_view spec);
/// Throws UsageError that says what is wrong, without the password.
RedisAddress parse_redis_address(std::string_view spec);

}  // namespace tessera
