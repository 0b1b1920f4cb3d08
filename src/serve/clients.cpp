#include "serve/clients.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace tessera {

std::optional<Clients::Place> Clients::enter(const std::string& client) {
  const std::lock_guard lock(mutex_);
  if (connections_ >= most_) return std::nullopt;
  const bool bounded = std::ranges::find(unbounded_, client) == unbounded_.end();
  std::size_t& of_client = of_client_[client];
  if (bounded && of_client >= most_of_one_) return std::nullopt;
  ++of_client;
  ++connections_;
  return Place(*this, client);
}

void Clients::leave(const std::string& client) {
  const std::lock_guard lock(mutex_);
  --connections_;
  const auto found = of_client_.find(client);
  if (--found->second == 0) of_client_.erase(found);
}

bool is_address(const std::string& text) {
  in6_addr any{};
  return ::inet_pton(AF_INET, text.c_str(), &any) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

std::string client_of(const std::string& address) {
  in6_addr parts{};
  if (::inet_pton(AF_INET6, address.c_str(), &parts) != 1) return address;
  if (IN6_IS_ADDR_LOOPBACK(&parts)) return address;
  std::fill(std::begin(parts.s6_addr) + 8, std::end(parts.s6_addr), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET6, &parts, text.data(), text.size()) + std::string("/64");
}

}  // namespace tessera
