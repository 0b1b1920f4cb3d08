#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

class Log;

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;            ///< 0: any free one
  std::size_t threads = 2;              ///< that serve connections
  std::size_t compute_threads = 2;      ///< for what takes a processor for long
  std::size_t store_threads = 64;       ///< that ask the store
  fs::path certificate = {}, key = {};  ///< PEM files; both or none. Without them it is plain HTTP

  const Log* request_log = nullptr;  ///< where requests go with their bodies, to be replayed

  std::size_t max_connections = 10'000;
  std::size_t max_of_client = 2'500;  ///< of these, of one address, or one IPv6 network of 64 bits
  std::vector<std::string> unbounded = {"127.0.0.1", "::1"};  ///< who may have all: proxies
  std::uint32_t max_header = 16 << 10;                        ///< bytes
  std::uint64_t max_body = 1 << 20;                           ///< bytes
  std::size_t max_bytes = 64 << 20;  ///< of all requests under way and answers not yet taken
  std::size_t max_line =
      1024;  ///< requests that wait for a thread or the store, by kind, or a model

  using Milliseconds = std::chrono::milliseconds;
  Milliseconds handshake_timeout{10'000};
  Milliseconds idle_timeout{75'000};    ///< between requests
  Milliseconds header_timeout{10'000};  ///< from a request's first byte to the end of its header
  Milliseconds body_timeout{30'000};    ///< for the whole body
  Milliseconds write_timeout{30'000};   ///< for the whole answer
  Milliseconds work_timeout{10'000};    ///< from a request's arrival to the begin of slow work
  Milliseconds drain_timeout{8'000};    ///< for requests under way when it stops
};

}  // namespace tessera
