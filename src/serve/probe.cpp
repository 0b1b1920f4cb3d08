#include "serve/probe.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace tessera {
namespace {

constexpr timeval kProbePatience{.tv_sec = 3, .tv_usec = 0};
constexpr std::size_t kEnough = 4096;  // bytes of an answer

using Bio = std::unique_ptr<BIO, decltype([](BIO* bio) { BIO_free_all(bio); })>;
using Context = std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })>;

/// Where to reach from here what listens at an address, or at all of them.
std::string reached_at(const ServerOptions& options) {
  std::string address = options.address;
  if (address == "0.0.0.0") address = "127.0.0.1";
  if (address == "::") address = "::1";
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", options.port);
}

/// The certificate is not looked at: it has the service's public name, and this is its machine.
Bio connect(const ServerOptions& options, const std::string& at, const Context& context) {
  Bio bio(BIO_new_connect(at.c_str()));
  if (BIO_do_connect(bio.get()) <= 0) fail("{}: nobody listens", at);
  const auto socket = static_cast<int>(BIO_get_fd(bio.get(), nullptr));
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kProbePatience, sizeof kProbePatience);
  if (options.certificate.empty()) return bio;
  Bio tls(BIO_new_ssl(context.get(), 1));
  BIO_push(tls.get(), bio.release());
  if (BIO_do_handshake(tls.get()) <= 0) fail("{}: does not speak TLS", at);
  return tls;
}

}  // namespace

void probe(const ServerOptions& options) {
  const std::string at = reached_at(options);
  const Context context(SSL_CTX_new(TLS_client_method()));
  const Bio service = connect(options, at, context);
  BIO_puts(service.get(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string answer(kEnough, '\0');
  std::size_t length = 0;
  while (length < kEnough) {
    const int got =
        BIO_read(service.get(), answer.data() + length, static_cast<int>(kEnough - length));
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  answer.resize(length);
  if (answer.starts_with("HTTP/1.1 200 ")) return;
  const std::size_t body = answer.find("\r\n\r\n");
  fail("{}: {}", at, body == std::string::npos ? "no answer" : printable(answer.substr(body + 4)));
}

}  // namespace tessera
