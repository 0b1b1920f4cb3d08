#pragma once
#include <string>

#include "serve/asio.h"

namespace tessera {

/// Who is at the two ends of a connection, as addresses.
struct Ends {
  std::string client, own;
};

inline std::string name_of(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

inline Ends ends_of(const tcp::socket& socket) {
  error_code error;
  Ends ends;
  const tcp::endpoint client = socket.remote_endpoint(error);
  if (!error) ends.client = name_of(client);
  const tcp::endpoint own = socket.local_endpoint(error);
  if (!error) ends.own = name_of(own);
  return ends;
}

}  // namespace tessera
