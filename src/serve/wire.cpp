#include "serve/wire.h"

#include <array>
#include <string>

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {

Wire::Wire(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls)
    : context_(std::move(tls)), socket_(std::move(socket)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  if (context_) tls_.emplace(socket_, *context_);
}

asio::awaitable<void> Wire::handshake(error_code& error) {
  if (tls_) co_await tls_->async_handshake(asio::ssl::stream_base::server, into(error));
}

asio::awaitable<std::size_t> Wire::read_some(asio::mutable_buffer buffer, error_code& error) {
  if (tls_) co_return co_await tls_->async_read_some(buffer, into(error));
  co_return co_await socket_.async_read_some(buffer, into(error));
}

asio::awaitable<void> Wire::write(std::string_view head, std::string_view body, error_code& error) {
  if (tls_) {  // in as few records as it can be
    std::string whole(head);
    whole += body;
    co_await asio::async_write(*tls_, asio::buffer(whole), into(error));
    co_return;
  }
  using Parts = std::array<asio::const_buffer, 2>;
  // The kernel mostly takes all of it at once, and then there is nothing to wait for.
  const std::size_t sent = socket_.write_some(Parts{asio::buffer(head), asio::buffer(body)}, error);
  if (error == asio::error::would_block) error = {};
  if (error || sent == head.size() + body.size()) co_return;
  const std::size_t of_head = std::min(sent, head.size());
  const Parts rest = {asio::buffer(head.substr(of_head)),
                      asio::buffer(body.substr(sent - of_head))};
  co_await asio::async_write(socket_, rest, into(error));
}

void Wire::end_writing() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> Wire::shut_down(error_code& error) {
  if (tls_) co_await tls_->async_shutdown(into(error));
}

void Wire::close() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void Wire::cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
