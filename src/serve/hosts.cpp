#include "serve/hosts.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool is_port(std::string_view text) {
  return text.empty() ||
         (text.front() == ':' && text.size() <= 6 &&
          std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; }));
}

bool is_v4(std::string_view name) {
  return std::ranges::count(name, '.') == 3 &&
         std::ranges::all_of(name, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_loopback_name(std::string_view name) {
  return name == "localhost" || name == "::1" || (name.starts_with("127.") && is_v4(name));
}

}  // namespace

std::optional<std::string> host_name(std::string_view value) {
  std::string name(value);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  const bool bracketed = name.starts_with('[');
  const std::size_t end = bracketed ? name.find(']') : std::min(name.find(':'), name.size());
  if (end == std::string::npos ||
      !is_port(std::string_view(name).substr(end + (bracketed ? 1 : 0)))) {
    return std::nullopt;
  }
  name = bracketed ? name.substr(1, end - 1) : name.substr(0, end);
  if (!bracketed && name.ends_with('.')) name.pop_back();
  const bool good = !name.empty() && name.size() <= 253 &&
                    std::ranges::all_of(name, bracketed ? is_address_character : is_name_character);
  return good ? std::optional(name) : std::nullopt;
}

HostNames::HostNames(const std::vector<std::string>& more) {
  for (const std::string& host : more) {
    const bool v6 = std::ranges::count(host, ':') > 1 && !host.starts_with('[');
    const auto name = host_name(v6 ? "[" + host + "]" : host);
    if (!name || (!v6 && host.find(':') != std::string::npos && !host.starts_with('['))) {
      fail_usage("--host '{}': give a name or an address without a port, such as shop.example",
                 host);
    }
    more_.push_back(*name);
  }
}

bool HostNames::know(std::string_view host, std::string_view own_address) const {
  const auto name = host_name(host);
  if (!name) return false;
  return is_loopback_name(*name) || *name == own_address || std::ranges::count(more_, *name) > 0;
}

}  // namespace tessera
