// `tessera serve` as a process: it starts, serves, reloads and ends on signals, and keeps its
// state.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "cli/serving.h"

namespace tessera::testing {
namespace {

TEST_F(Serve, RecommendsWhatTheCommandRecommends) {
  start();
  const Json served =
      Json::parse(ask("POST", "/v1/recommend", R"({"history":["S000012","S000070"],"k":5})").body);
  const Json printed =
      json_of("recommend --model " + shop().model + " --history S000012,S000070 -k 5 --json");
  ASSERT_EQ(served.at("items").size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(served.at("items")[i].at("id"), printed.at("items")[i].at("id"));
  }
  const Finished finished = end(SIGTERM);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("without --state"), std::string::npos);
  EXPECT_NE(finished.err.find(R"("route":"/v1/recommend","status":200)"), std::string::npos);
}

TEST_F(Serve, IsProbedByTheSettingsItWasStartedWith) {
  start();
  ::setenv("TESSERA_LISTEN", ("127.0.0.1:" + std::to_string(port_)).c_str(), 1);
  EXPECT_EQ(tessera("serve --probe").exit_code, 0);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
  const Finished nobody = tessera("serve --probe");
  ::unsetenv("TESSERA_LISTEN");
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_NE(nobody.err.find("nobody listens"), std::string::npos) << nobody.err;
}

TEST_F(Serve, KeepsItsStateWhateverEndsIt) {
  const std::string state = "--access-log none --state " + path("state");
  start(state);
  EXPECT_EQ(ask("POST", "/v1/users/anna/events", R"({"items":["S000012"]})").status, 200);
  EXPECT_EQ(ask("PUT", "/v1/items/new", R"({"title":"Steel teapot lamp scarf"})").status, 200);
  EXPECT_EQ(end(SIGKILL).exit_code, -1);
  start(state);
  EXPECT_EQ(ask("GET", "/v1/users/anna").body, R"({"user":"anna","items":["S000012"]})");
  EXPECT_EQ(ask("GET", "/v1/items/new").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/users/anna").status, 204);
  const Finished finished = end(SIGINT);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.err, "");
  start(state);
  EXPECT_EQ(ask("GET", "/v1/users/anna").status, 404);
}

TEST_F(Serve, ReloadsOnSighup) {
  start();
  process_->signal(SIGHUP);
  EXPECT_TRUE(
      eventually([&] { return Json::parse(ask("GET", "/readyz").body).at("generation") == 2; }));
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
}

TEST_F(Serve, TellsWhoeverStartedItThatItIsReady) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path("notify").copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::setenv("NOTIFY_SOCKET", address.sun_path, 1);
  start();
  ::unsetenv("NOTIFY_SOCKET");
  std::string told(64, '\0');
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const auto got = ::recv(fd, told.data(), told.size(), 0);
  ::close(fd);
  ASSERT_GT(got, 0);
  EXPECT_EQ(told.substr(0, static_cast<std::size_t>(got)), "READY=1");
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
}

TEST_F(Serve, OutlivesHangupsAtAnyMomentAndEndsAtAny) {
  std::mt19937 random(11);
  std::uniform_int_distribution<int> milliseconds(0, 40);
  const auto pause = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
  };
  for (int round = 0; round < 8; ++round) {
    listen("--state " + path("state"));
    for (int i = 0; i < 5; ++i) {
      process_->signal(SIGHUP);
      pause();
    }
    EXPECT_EQ(ask("POST", "/v1/recommend", R"({"history":["S000012"]})").status, 200);
    process_->signal(SIGHUP);
    pause();
    EXPECT_EQ(end(SIGTERM).exit_code, 0) << round;
  }
}

TEST_F(Serve, ForgetsARevokedTokenOnSighup) {
  const std::string tokens = file("tokens", "read r-0123456789abcdef\n");
  const auto owner = fs::perms::owner_read | fs::perms::owner_write;
  fs::permissions(tokens, owner);
  start("--token-file " + tokens);
  const auto status = [&](const std::string& token) {
    return ask("GET", "/v1/model", "", "Authorization: Bearer " + token + "\r\n").status;
  };
  EXPECT_EQ(status("r-0123456789abcdef"), 200);
  write(tokens, "read s-0123456789abcdef\n");
  process_->signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return status("s-0123456789abcdef") == 200; }));
  EXPECT_EQ(status("r-0123456789abcdef"), 401);
}

TEST_F(Serve, AsksForTokens) {
  const std::string tokens = file("tokens", "write w-0123456789abcdef\nadmin a-0123456789abcdef\n");
  fs::permissions(tokens, fs::perms::owner_read);
  start("--token-file " + tokens);
  const std::string body = R"({"items":["S000012"]})";
  EXPECT_EQ(ask("POST", "/v1/users/anna/events", body).status, 401);
  EXPECT_EQ(
      ask("POST", "/v1/users/anna/events", body, "Authorization: Bearer w-0123456789abcdef\r\n")
          .status,
      200);
  EXPECT_EQ(ask("POST", "/v1/recommend", R"({"history":["S000012"]})").status, 200);
}

TEST_F(Serve, KeepsItsStateFromOthers) {
  start("--state " + path("state") + " --backups " + path("backups") + " --access-log " +
        path("log"));
  EXPECT_EQ(ask("POST", "/v1/users/anna/events", R"({"items":["S000012"]})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/admin/backup").status, 200);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
  constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
  for (const std::string& place : {path("state"), path("backups")}) {
    EXPECT_EQ(fs::status(place).permissions() & kOthers, fs::perms::none) << place;
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      EXPECT_EQ(entry.status().permissions() & kOthers, fs::perms::none) << entry;
    }
  }
}

TEST_F(Serve, ListensOnLocalhostByItsName) {
  const std::string out = path("out");
  const Process process(tessera_command("serve --listen localhost:0 --model " + shop().model), out);
  ASSERT_TRUE(eventually([&] { return content_of(out).ends_with('\n'); }));
  EXPECT_TRUE(content_of(out).starts_with("listening on http://127.0.0.1:")) << content_of(out);
}

TEST_F(Serve, AnswersToItsNamesAlone) {
  start("--host shop.example --host 10.9.8.7");
  const auto status = [&](const std::string& host) {
    Connection connection(port_);
    connection.send("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return connection.receive().status;
  };
  for (const char* own : {"localhost", "127.0.0.1", "shop.example:80", "10.9.8.7"}) {
    EXPECT_EQ(status(own), 200) << own;
  }
  EXPECT_EQ(status("evil.example"), 421);
  expect_refusal(tessera("serve --model " + shop().model + " --host http://shop.example"), 2,
                 {"--host", "http://shop.example"});
}

TEST_F(Serve, BoundsTheConnectionsOfAnAddressUnlessItIsAProxy) {
  const auto last_is_served = [&](const std::string& more) {
    start("--max-connections 20 --client-connections 2 --access-log none " + more);
    std::vector<std::unique_ptr<Connection>> connections;
    int status = 200;
    for (int i = 0; i < 3; ++i) {
      connections.push_back(std::make_unique<Connection>(port_, "127.0.0.2"));
      status = connections.back()->request("GET", "/healthz").status;
    }
    EXPECT_EQ(end(SIGTERM).exit_code, 0);
    return status == 200;
  };
  EXPECT_FALSE(last_is_served(""));
  EXPECT_TRUE(last_is_served("--proxy 127.0.0.2"));
}

TEST_F(Serve, RefusesWrongUsage) {
  const std::string serve = "serve --model " + shop().model + " ";
  for (const char* listen :
       {"8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "nowhere:0"}) {
    expect_refusal(tessera(serve + "--listen " + listen), 2, {listen});
  }
  expect_refusal(tessera(serve + "--listen 0.0.0.0:0"), 2, {"0.0.0.0:0", "--token-file"});
  expect_refusal(tessera(serve + "--listen shop.example:0"), 2, {"shop.example", "--host"});
  expect_refusal(tessera(serve + "--listen localhost:99999"), 2, {"localhost:99999"});
  expect_refusal(tessera(serve + "--sync sometimes --state " + path("state")), 2, {"sometimes"});
  expect_refusal(tessera(serve + "--sync none"), 2, {"--sync", "--state DIRECTORY"});
  expect_refusal(tessera(serve + "--sync none --state redis://localhost"), 2,
                 {"--sync", "--state"});
  expect_refusal(tessera(serve + "--backups " + path("backups")), 2, {"--backups", "--state"});
  expect_refusal(tessera(serve + "--without-tokens --token-file " + path("none")), 2,
                 {"--without-tokens", "--token-file"});
  expect_refusal(tessera(serve + "--certificate x.pem"), 2, {"key"});
  expect_refusal(tessera(serve + "--proxy shop.example"), 2, {"--proxy", "shop.example"});
  expect_refusal(tessera(serve + "--client-connections 0"), 2, {"--client-connections"});
  expect_refusal(tessera("serve --model " + path("none")), 1, {path("none")});
  expect_refusal(tessera(serve + "--token-file " + path("none")), 1, {path("none")});
  expect_refusal(tessera(serve + "--state " + file("a-file", "x")), 1, {"a-file"});
}

}  // namespace
}  // namespace tessera::testing
