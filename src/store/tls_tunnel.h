#pragma once
#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace tessera {

/// A connection by TLS that looks like a plain one: what is written to its local end goes encrypted
/// to the server, by a thread of its own. Debian's client library for Redis speaks no TLS itself.
class TlsTunnel {
 public:
  /// Takes the socket over, which is connected, and shakes hands within the timeout. The server's
  /// certificate must be for `host`, a name or an address, and come from an authority of the
  /// system, or of the PEM file `authorities` unless that is empty. Throws Error that says what is
  /// wrong.
  TlsTunnel(int socket, const std::string& host, const std::string& authorities,
            std::chrono::milliseconds timeout);
  /// Ends the connection.
  ~TlsTunnel();
  TlsTunnel(const TlsTunnel&) = delete;
  TlsTunnel& operator=(const TlsTunnel&) = delete;

  /// The local end; whoever takes it closes it. It ends when the server or the tunnel does.
  int take_local_end();

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };

  void shake_hands(const std::string& host);
  void carry();
  /// False at the end.
  bool send_on();
  bool receive_on();

  int server_ = -1, inner_ = -1, local_ = -1;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<SSL, FreeSession> session_;
  std::string out_, in_;  // read, and not yet written on
  std::thread thread_;
};

}  // namespace tessera
