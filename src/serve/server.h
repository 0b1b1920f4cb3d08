#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/files.h"

namespace tessera {

class Log;
class Service;

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;            ///< 0: any free one
  std::size_t threads = 2;              ///< that serve connections
  std::size_t compute_threads = 2;      ///< for what takes a processor for long
  std::size_t store_threads = 64;       ///< that wait for the store
  fs::path certificate = {}, key = {};  ///< PEM files; both or none. Without them it is plain HTTP

  std::size_t max_connections = 10'000;
  std::uint32_t max_header = 16 << 10;  ///< bytes
  std::uint64_t max_body = 1 << 20;     ///< bytes
  std::size_t max_bytes = 64 << 20;     ///< of all requests under way and answers not yet taken
  std::size_t max_line = 1024;          ///< requests that wait for a thread of one kind, or a model

  using Milliseconds = std::chrono::milliseconds;
  Milliseconds handshake_timeout{10'000};
  Milliseconds idle_timeout{75'000};    ///< between requests
  Milliseconds header_timeout{10'000};  ///< from a request's first byte to the end of its header
  Milliseconds body_timeout{30'000};    ///< for the whole body
  Milliseconds write_timeout{30'000};   ///< for the whole answer
  Milliseconds work_timeout{10'000};    ///< from a request's arrival to the begin of slow work
  Milliseconds drain_timeout{8'000};    ///< for requests under way when it stops
};

/// HTTP/1.1 in front of a Service: each thread accepts on the port by itself and keeps its
/// connections, and nothing that may block runs there: it goes to other threads, with a line of its
/// own for each kind of work.
class Server {
 public:
  /// Binds; throws Error when the address cannot be used or the certificate cannot be read. Service
  /// and log must outlive the server.
  Server(ServerOptions options, Service& service, const Log& access_log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// Serves until `stop`; with `on_signals` also until SIGTERM or SIGINT, and rereads on SIGHUP
  /// what it was started with. Returns when requests under way were answered or the time for that
  /// is over; false if some work still goes on then, for which only the end of the process is left.
  bool run(bool on_signals = false);
  /// From any thread: idle connections are closed, the others end after their answer; no new ones
  /// as soon as whoever asks /readyz at intervals was told.
  void stop();
  /// Loads the bundle, the tokens and the certificate again, and opens the access log anew. What
  /// cannot be read stays as it is, and the log says so.
  void reread();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
