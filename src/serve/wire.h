#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "serve/asio.h"

namespace tessera {

/// The bytes of a connection, plain or under TLS. What is awaited here fails once the connection
/// has expired, as soon as its loop looks: that costs less than a timer for each read and write.
class Wire {
 public:
  using Clock = std::chrono::steady_clock;

  /// `tls`: null for a plain connection; kept as long as the wire.
  Wire(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls);

  /// Agrees on keys where there is TLS.
  asio::awaitable<void> handshake(error_code& error);
  /// The number of bytes that came, at least one, at the beginning of the buffer.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, error_code& error);
  /// All of both, which live until then.
  asio::awaitable<void> write(std::string_view head, std::string_view body, error_code& error);
  /// Tells the other side that nothing more will be written.
  void end_writing();
  /// Takes leave where there is TLS.
  asio::awaitable<void> shut_down(error_code& error);
  void close();

  void expires_after(Clock::duration duration) { deadline_ = Clock::now() + duration; }
  bool expired(Clock::time_point now) const { return deadline_ <= now; }
  /// Whoever awaits something here is told that it failed.
  void cancel();

  const tcp::socket& socket() const { return socket_; }

  bool waiting = true;  ///< for a request to begin: it may be closed without loss

 private:
  std::shared_ptr<asio::ssl::context> context_;
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace tessera
