// The server from its start to its end, and what it reads again meanwhile.
#include "serve/make_certificate.h"
#include "serve/probe.h"
#include "serve/running_server.h"
#include "testing/errors.h"
#include "testing/process.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::Connection;
using testing::eventually;
using testing::kBody;
using testing::Parsed;
using testing::RunningServer;

TEST_F(RunningServer, AnswersWhatIsUnderWayWhenItStops) {
  start({.threads = 1});
  Connection idle(port()), half(port());
  EXPECT_EQ(idle.request("GET", "/healthz").status, 200);
  const std::string request = Connection::text("POST", "/v1/recommend", kBody);
  half.send(request.substr(0, 40));
  expect_served();  // by the same thread, which has read the half before
  server->stop();
  EXPECT_TRUE(idle.closed());
  half.send(request.substr(40));
  const Answer last = half.receive();
  EXPECT_EQ(last.status, 200);
  EXPECT_NE(last.header.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(half.closed());
  running.join();
  EXPECT_THROW(Connection{port()}, std::runtime_error);
}

TEST_F(RunningServer, StopsWithoutThoseThatNeverEnd) {
  start({.drain_timeout = 50ms});
  Connection half(port());
  half.send("POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  expect_served();
  stop();  // returns
}

TEST_F(RunningServer, SwapsModelsUnderLoad) {
  start();
  const auto answer = [&] {
    Connection connection(port());
    return connection.request("POST", "/v1/recommend", R"({"history":["1"],"scores":true})").body;
  };
  const std::string old_answer = answer();
  testing::write_small_bundle(small.bundle(), "unified", 8);
  std::atomic<bool> done = false;
  std::atomic<int> others = 0;
  std::string new_answer;
  std::mutex mutex;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      Connection connection(port());
      while (!done) {
        const Answer got =
            connection.request("POST", "/v1/recommend", R"({"history":["1"],"scores":true})");
        EXPECT_EQ(got.status, 200);
        const std::lock_guard lock(mutex);
        if (got.body == old_answer) continue;
        if (new_answer.empty()) new_answer = got.body;
        if (got.body != new_answer) ++others;
      }
    });
  }
  Connection admin(port());
  for (std::size_t generation = 2; generation < 6; ++generation) {
    EXPECT_EQ(admin.request("POST", "/v1/admin/reload").status, 202);
    while (small.service().generation() < generation) std::this_thread::sleep_for(1ms);
    while (small.service().reloading()) std::this_thread::sleep_for(1ms);
  }
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(others, 0);  // the old model or the new one, never a mixture
  EXPECT_NE(answer(), old_answer);
}

TEST_F(RunningServer, RefusesAPortInUse) {
  start();
  ServerOptions same;
  same.port = port();
  testing::expect_error([&] { Server(same, small.service(), log); },
                        {"cannot bind", std::to_string(port())});
  testing::expect_error<UsageError>(
      [&] { Server({.address = "no address"}, small.service(), log); }, {"no address"});
}

TEST_F(RunningServer, OpensBeforeTheModelIsLoadedAndHoldsRequestsForIt) {
  Service service({.models = {{small.bundle()}}, .load_later = true}, small.store(), log);
  Server early({.port = 0, .threads = 1}, service, log);
  std::thread thread([&] { early.run(); });
  Connection probe(early.port()), asking(early.port());
  EXPECT_EQ(probe.request("GET", "/healthz").status, 200);
  const Answer ready = probe.request("GET", "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(Parsed::parse(ready.body).at("status"), "starting");
  asking.send(Connection::text("POST", "/v1/recommend", kBody));
  EXPECT_EQ(probe.request("GET", "/metrics").status, 200);
  service.start([] { ADD_FAILURE(); });
  EXPECT_EQ(asking.receive().status, 200);
  EXPECT_EQ(probe.request("GET", "/readyz").status, 200);
  early.stop();
  thread.join();
}

TEST_F(RunningServer, IsProbedWhereverItListens) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::1", "::"}) {
    Service service({.models = {{small.bundle()}}, .load_later = true}, small.store(), log);
    Server early({.address = address, .port = 0}, service, log);
    std::thread thread([&] { early.run(); });
    const ServerOptions listening{.address = address, .port = early.port()};
    testing::expect_error([&] { probe(listening); }, {std::to_string(early.port()), "starting"});
    service.start([] { ADD_FAILURE(); });
    while (service.generation() == 0) std::this_thread::yield();
    EXPECT_NO_THROW(probe(listening)) << address;
    early.stop();
    thread.join();
    testing::expect_error([&] { probe(listening); }, {"nobody listens"});
  }
}

TEST_F(RunningServer, TellsThatTheModelDoesNotComeInTime) {
  Service service({.models = {{small.bundle()}}, .load_later = true}, small.store(), log);
  Server early({.port = 0, .work_timeout = 50ms}, service, log);
  std::thread thread([&] { early.run(); });
  Connection asking(early.port());
  const Answer answer = asking.request("POST", "/v1/recommend", kBody);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(code_of(answer), "starting");
  EXPECT_NE(answer.header.find("Retry-After"), std::string::npos);
  early.stop();
  thread.join();
}

TEST_F(RunningServer, SaysToWhoAsksRegularlyThatItEnds) {
  start();
  const auto readiness = [&] {
    Connection connection(port());
    return connection.request("GET", "/readyz");
  };
  EXPECT_EQ(readiness().status, 200);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(readiness().status, 200);
  server->stop();
  while (small.service().phase() != Phase::draining) std::this_thread::yield();
  const Answer told = readiness();
  EXPECT_EQ(told.status, 503);
  EXPECT_EQ(Parsed::parse(told.body).at("status"), "draining");
  running.join();
  EXPECT_THROW(Connection{port()}, std::runtime_error);
}

TEST_F(RunningServer, RereadsTokensAndCertificateAndOpensTheLogAnew) {
  const fs::path tokens = small.directory() / "tokens";
  const fs::path certificate = small.directory() / "cert.pem", key = small.directory() / "key.pem";
  const auto write_tokens = [&](const std::string& text) {
    write_file(tokens, text);
    fs::permissions(tokens, fs::perms::owner_read);
  };
  write_tokens("read r-0123456789abcdef\n");
  testing::write_certificate(certificate, key);
  testing::SmallService guarded("unified", tokens);
  Server strict({.port = 0, .certificate = certificate, .key = key}, guarded.service(), log);
  const auto status = [&](const char* token) {
    Scratch scratch;
    return guarded.service()
        .answer({.method = "GET", .target = "/v1/model", .authorization = token}, scratch)
        .status;
  };
  EXPECT_EQ(status("Bearer r-0123456789abcdef"), 200);
  write_tokens("read s-0123456789abcdef\n");
  fs::rename(log_file, small.directory() / "rotated.log");
  strict.reread();
  EXPECT_EQ(status("Bearer r-0123456789abcdef"), 401) << "it was revoked";
  EXPECT_EQ(status("Bearer s-0123456789abcdef"), 200);
  EXPECT_TRUE(fs::exists(log_file));
  write_tokens("nonsense\n");
  fs::remove(certificate);
  strict.reread();
  EXPECT_EQ(status("Bearer s-0123456789abcdef"), 200) << "what cannot be read changes nothing";
  EXPECT_TRUE(eventually([&] { return !guarded.service().reloading(); }));
  EXPECT_GE(guarded.service().generation(), 2U);
}

}  // namespace
}  // namespace tessera
