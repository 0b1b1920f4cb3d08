#include "store/redis_address.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "base/texts.h"

namespace tessera {
namespace {

using Kind = RedisAddress::Kind;

constexpr std::string_view kUnix = "unix:", kAuthorities = "?ca=";
constexpr int kSentinelPort = 26'379;
struct Scheme {
  std::string_view name;
  bool tls;
  Kind kind;
};
// The first of its kind is what messages say.
constexpr Scheme kSchemes[] = {{"redis://", false, Kind::server},
                               {"rediss://", true, Kind::server},
                               {"redis-sentinel://", false, Kind::sentinel},
                               {"rediss-sentinel://", true, Kind::sentinel},
                               {"redis-cluster://", false, Kind::cluster},
                               {"rediss-cluster://", true, Kind::cluster},
                               {"valkey://", false, Kind::server},
                               {"valkeys://", true, Kind::server},
                               {"valkey-sentinel://", false, Kind::sentinel},
                               {"valkeys-sentinel://", true, Kind::sentinel},
                               {"valkey-cluster://", false, Kind::cluster},
                               {"valkeys-cluster://", true, Kind::cluster}};

std::string_view scheme_of(bool tls, Kind kind) {
  const auto* const found = std::ranges::find_if(
      kSchemes, [&](const Scheme& one) { return one.tls == tls && one.kind == kind; });
  return found->name;
}

/// The whole text as a number from `least` to `most`.
std::optional<int> number_in(const std::string& text, int least, int most) {
  int value = 0;
  const char* const last = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || rest != last || value < least || value > most) return std::nullopt;
  return value;
}

/// "p%40ss" is "p@ss": a password may hold what separates an address.
std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    const char* const digits = text.data() + at + 1;
    const bool escape = text[at] == '%' && at + 2 < text.size();
    if (escape && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      plain += static_cast<char>(value);
      at += 2;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

/// Takes "[user]:password@" from the front.
void take_secret(std::string_view& rest, RedisAddress& address) {
  const auto at = rest.rfind('@');
  if (at == rest.npos) return;
  const std::string_view secret = rest.substr(0, at);
  const auto colon = secret.find(':');
  if (colon == secret.npos) fail_usage("redis:// before @: give [user]:password");
  address.user = decoded(secret.substr(0, colon));
  address.password = decoded(secret.substr(colon + 1));
  rest.remove_prefix(at + 1);
}

RedisHost host_of(std::string_view text, int standard_port, std::string_view place) {
  RedisHost one{std::string(text), standard_port};
  if (const auto colon = text.rfind(':'); colon != text.npos) {
    const auto port = number_in(std::string(text.substr(colon + 1)), 1, 65'535);
    if (!port) fail_usage("{}: give a port from 1 to 65535 after :", place);
    one = {std::string(text.substr(0, colon)), *port};
  }
  if (one.host.empty()) fail_usage("{}: names no host", place);
  return one;
}

int database_of(std::string_view text, std::string_view place) {
  const auto database = number_in(std::string(text), 0, 1'000'000);
  if (!database) fail_usage("{}: give the number of a database after /", place);
  return *database;
}

/// What stands behind the hosts.
void read_path(std::string_view path, std::string_view place, RedisAddress& address) {
  switch (address.kind) {
    case Kind::server:
      address.database = database_of(path, place);
      return;
    case Kind::cluster:
      fail_usage("{}: a cluster has one database alone; give nothing after /", place);
    case Kind::sentinel:
      const auto slash = path.find('/');
      address.master = decoded(path.substr(0, slash));
      if (slash != path.npos) address.database = database_of(path.substr(slash + 1), place);
  }
}

}  // namespace

std::string RedisAddress::name() const {
  if (!socket.empty()) return std::string(kUnix) + socket;
  const std::string_view scheme = scheme_of(tls, kind);
  if (kind == Kind::server) return fmt::format("{}{}:{}/{}", scheme, host, port, database);
  std::string all;
  for (const RedisHost& one : hosts) {
    all += fmt::format("{}{}:{}", all.empty() ? "" : ",", one.host, one.port);
  }
  if (kind == Kind::cluster) return fmt::format("{}{}", scheme, all);
  return fmt::format("{}{}/{}/{}", scheme, all, master, database);
}

RedisAddress RedisAddress::at(const RedisHost& one) const {
  RedisAddress server = *this;
  server.kind = Kind::server;
  server.host = one.host;
  server.port = one.port;
  server.hosts.clear();
  server.master.clear();
  return server;
}

bool names_redis(std::string_view spec) {
  return spec.starts_with(kUnix) || std::ranges::any_of(kSchemes, [&](const Scheme& scheme) {
           return spec.starts_with(scheme.name);
         });
}

RedisAddress parse_redis_address(std::string_view spec) {
  RedisAddress address;
  if (spec.starts_with(kUnix)) {
    address.socket = spec.substr(kUnix.size());
    if (address.socket.empty()) fail_usage("unix:PATH names no socket file");
    return address;
  }
  std::string_view rest = spec;
  const auto* const scheme =
      std::ranges::find_if(kSchemes, [&](const Scheme& one) { return rest.starts_with(one.name); });
  if (scheme == std::end(kSchemes)) fail_usage("'{}' is no redis:// address", spec);
  rest.remove_prefix(scheme->name.size());
  address.tls = scheme->tls;
  address.kind = scheme->kind;
  if (const auto at = rest.rfind(kAuthorities); at != rest.npos && address.tls) {
    address.authorities = decoded(rest.substr(at + kAuthorities.size()));
    rest = rest.substr(0, at);
  }
  take_secret(rest, address);
  const std::string place = std::string(scheme->name) + std::string(rest);
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    read_path(rest.substr(slash + 1), place, address);
    rest = rest.substr(0, slash);
  }
  if (address.kind == Kind::sentinel && address.master.empty()) {
    fail_usage("{}: give the name of the master after the Sentinels, as in {}HOST,HOST/mymaster",
               place, scheme->name);
  }
  if (address.kind == Kind::server) {
    const RedisHost one = host_of(rest, address.port, place);
    address.host = one.host;
    address.port = one.port;
    return address;
  }
  const int port = address.kind == Kind::sentinel ? kSentinelPort : address.port;
  for (const std::string_view one : split(rest, ",")) {
    address.hosts.push_back(host_of(one, port, place));
  }
  return address;
}

}  // namespace tessera
