// The server by TLS.
#include <openssl/ssl.h>

#include "serve/make_certificate.h"
#include "serve/probe.h"
#include "serve/running_server.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;
using testing::Connection;
using testing::kBody;
using testing::RunningServer;

TEST_F(RunningServer, SpeaksTls) {
  const fs::path certificate = small.directory() / "cert.pem", key = small.directory() / "key.pem";
  testing::write_certificate(certificate, key);
  start({.certificate = certificate, .key = key, .handshake_timeout = 50ms});
  Connection plain(port());
  plain.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(plain.receive().status, 0);
  Connection silent(port());
  EXPECT_TRUE(silent.closed());

  const Connection connection(port());
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  ASSERT_EQ(SSL_CTX_load_verify_locations(context.get(), certificate.c_str(), nullptr), 1);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context.get()), SSL_free);
  SSL_set_fd(tls.get(), connection.socket());
  ASSERT_EQ(SSL_connect(tls.get()), 1);
  EXPECT_GE(SSL_version(tls.get()), TLS1_2_VERSION);
  for (int i = 0; i < 3; ++i) {
    const std::string request = Connection::text("POST", "/v1/recommend", kBody);
    ASSERT_EQ(SSL_write(tls.get(), request.data(), static_cast<int>(request.size())),
              static_cast<int>(request.size()));
    std::string got;
    while (got.find("]}") == std::string::npos) {
      char buffer[4096];
      const int count = SSL_read(tls.get(), buffer, sizeof(buffer));
      ASSERT_GT(count, 0);
      got.append(buffer, static_cast<std::size_t>(count));
    }
    EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK"));
  }
}

TEST_F(RunningServer, IsProbedByTlsWhereItSpeaksIt) {
  const fs::path certificate = small.directory() / "cert.pem", key = small.directory() / "key.pem";
  testing::write_certificate(certificate, key);
  start({.certificate = certificate, .key = key});
  probe({.port = port(), .certificate = certificate});
  testing::expect_error([&] { probe({.port = port()}); }, {std::to_string(port()), "no answer"});
}

TEST_F(RunningServer, RefusesACertificateItCannotUse) {
  const fs::path file = small.directory() / "cert.pem";
  write_file(file, "no certificate");
  testing::expect_error<UsageError>([&] { Server({.certificate = file}, small.service(), log); },
                                    {"both"});
  fs::permissions(file, fs::perms::owner_read);
  testing::expect_error([&] { Server({.certificate = file, .key = file}, small.service(), log); },
                        {"cert.pem", "certificate"});
}

}  // namespace
}  // namespace tessera
