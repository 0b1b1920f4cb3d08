#include "store/redis_address.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::string_view kRedis = "redis://", kUnix = "unix:", kAuthorities = "?ca=";
struct Scheme {
  std::string_view name;
  bool tls;
};
constexpr Scheme kSchemes[] = {
    {kRedis, false}, {"valkey://", false}, {"rediss://", true}, {"valkeys://", true}};

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

}  // namespace

std::string RedisAddress::name() const {
  if (!socket.empty()) return std::string(kUnix) + socket;
  return fmt::format("{}{}:{}/{}", tls ? "rediss://" : kRedis, host, port, database);
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
  if (const auto at = rest.rfind(kAuthorities); at != rest.npos && address.tls) {
    address.authorities = decoded(rest.substr(at + kAuthorities.size()));
    rest = rest.substr(0, at);
  }
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    const std::string_view secret = rest.substr(0, at);
    const auto colon = secret.find(':');
    if (colon == secret.npos) fail_usage("redis:// before @: give [user]:password");
    address.user = decoded(secret.substr(0, colon));
    address.password = decoded(secret.substr(colon + 1));
    rest.remove_prefix(at + 1);
  }
  const std::string_view place = rest;
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    const auto database = number_in(std::string(rest.substr(slash + 1)), 0, 1'000'000);
    if (!database) fail_usage("redis://{}: give the number of a database after /", place);
    address.database = *database;
    rest = rest.substr(0, slash);
  }
  if (const auto colon = rest.rfind(':'); colon != rest.npos) {
    const auto port = number_in(std::string(rest.substr(colon + 1)), 1, 65'535);
    if (!port) fail_usage("redis://{}: give a port from 1 to 65535 after :", place);
    address.port = *port;
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) fail_usage("redis://{}: names no host", place);
  address.host = rest;
  return address;
}

}  // namespace tessera
