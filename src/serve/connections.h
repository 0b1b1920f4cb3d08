#pragma once
#include <memory>
#include <unordered_set>

#include "serve/answering.h"
#include "serve/asio.h"
#include "serve/budget.h"
#include "serve/clients.h"
#include "serve/wire.h"

namespace tessera {

/// One of the threads that serve connections, each with those it accepted.
struct Loop {
  std::unordered_set<Wire*> connections;  // outlives the coroutines in the context
  bool draining = false;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
};

/// Reads requests from connections and writes their answers. May be used by several loops at once.
class Connections {
 public:
  /// All must outlive the connections.
  Connections(const ServerOptions& options, Service& service, const Log& access_log,
              Answering& answering)
      : options_(options), service_(service), access_log_(access_log), answering_(answering) {}

  /// Serves a connection of the loop until its end; `tls`: by TLS, if it is not null.
  asio::awaitable<void> serve(Loop& loop, tcp::socket socket, Clients::Place place,
                              std::shared_ptr<asio::ssl::context> tls);

 private:
  class Conversation;

  const ServerOptions& options_;
  Service& service_;
  const Log& access_log_;
  Answering& answering_;
  Budget budget_{options_.max_bytes};
};

}  // namespace tessera
