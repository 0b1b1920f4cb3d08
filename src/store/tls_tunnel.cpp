#include "store/tls_tunnel.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "store/sockets.h"

namespace tessera {
namespace {

constexpr std::size_t kPart = std::size_t{16} << 10;  // a TLS record

std::string last_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return errno == 0 ? "it was closed" : std::strerror(errno);
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

void set_blocking(int socket, bool blocking) {
  const int flags = ::fcntl(socket, F_GETFL);
  ::fcntl(socket, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void set_timeout(int socket, std::chrono::milliseconds timeout) {
  const timeval time = as_timeval(timeout);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

}  // namespace

TlsTunnel::TlsTunnel(int socket, const std::string& host, const std::string& authorities,
                     std::chrono::milliseconds timeout)
    : server_(socket), context_(SSL_CTX_new(TLS_client_method())) {
  try {
    if (!context_) fail("TLS: {}", last_error());
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context_.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const int known = authorities.empty()
                          ? SSL_CTX_set_default_verify_paths(context_.get())
                          : SSL_CTX_load_verify_file(context_.get(), authorities.c_str());
    if (known != 1) fail("TLS: {}: no certificates of authorities: {}", authorities, last_error());
    session_.reset(SSL_new(context_.get()));
    set_blocking(server_, true);
    set_timeout(server_, timeout);
    shake_hands(host);
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      fail("TLS: no local connection: {}", std::strerror(errno));
    }
    inner_ = ends[0];
    local_ = ends[1];
  } catch (...) {
    ::close(server_);
    throw;
  }
  set_blocking(server_, false);
  set_blocking(inner_, false);
  thread_ = std::thread([this] { carry(); });
}

TlsTunnel::~TlsTunnel() {
  if (local_ >= 0) ::close(local_);
  ::shutdown(inner_, SHUT_RDWR);
  thread_.join();
  ::close(inner_);
  ::close(server_);
}

int TlsTunnel::take_local_end() { return std::exchange(local_, -1); }

void TlsTunnel::shake_hands(const std::string& host) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(session_.get());
  const bool address = X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  const bool named = address || (SSL_set1_host(session_.get(), host.c_str()) == 1 &&
                                 SSL_set_tlsext_host_name(session_.get(), host.c_str()) == 1);
  if (!named || SSL_set_fd(session_.get(), server_) != 1) fail("TLS: {}", last_error());
  errno = 0;
  if (SSL_connect(session_.get()) == 1) return;
  if (const long verdict = SSL_get_verify_result(session_.get()); verdict != X509_V_OK) {
    fail("TLS: the server's certificate is refused: {}", X509_verify_cert_error_string(verdict));
  }
  fail("TLS: no agreement with the server: {}", last_error());
}

bool TlsTunnel::send_on() {
  while (!out_.empty()) {
    const int sent = SSL_write(session_.get(), out_.data(), static_cast<int>(out_.size()));
    if (sent <= 0) {
      const int error = SSL_get_error(session_.get(), sent);
      return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
    }
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool TlsTunnel::receive_on() {
  std::array<char, kPart> part{};
  for (;;) {
    while (!in_.empty()) {
      const ssize_t written = ::send(inner_, in_.data(), in_.size(), MSG_NOSIGNAL);
      if (written < 0) return errno == EAGAIN;
      in_.erase(0, static_cast<std::size_t>(written));
    }
    const int received = SSL_read(session_.get(), part.data(), static_cast<int>(part.size()));
    if (received <= 0) {
      const int error = SSL_get_error(session_.get(), received);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }
    in_.assign(part.data(), static_cast<std::size_t>(received));
  }
}

void TlsTunnel::carry() {
  hold_back_sigpipe();
  std::array<char, kPart> part{};
  for (bool open = true; open;) {
    pollfd both[2] = {{inner_, 0, 0}, {server_, POLLIN, 0}};
    if (out_.empty()) both[0].events |= POLLIN;
    if (!in_.empty()) both[0].events |= POLLOUT;
    if (!in_.empty()) both[1].events = 0;  // the other side reads no faster
    if (!out_.empty()) both[1].events |= POLLOUT;
    if (::poll(both, 2, -1) < 0 && errno != EINTR) break;
    if (out_.empty() && (both[0].revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t count = ::recv(inner_, part.data(), part.size(), 0);
      if (count == 0 || (count < 0 && errno != EAGAIN)) break;
      if (count > 0) out_.assign(part.data(), static_cast<std::size_t>(count));
    }
    open = send_on() && receive_on();
  }
  ::shutdown(inner_, SHUT_RDWR);
}

}  // namespace tessera
