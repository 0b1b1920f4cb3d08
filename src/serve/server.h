#pragma once
#include <cstdint>
#include <memory>

#include "serve/server_options.h"

namespace tessera {

class Log;
class Service;

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
