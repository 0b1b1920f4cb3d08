#pragma once
#include <gtest/gtest.h>

#include <thread>

#include "serve/connection.h"
#include "serve/server.h"
#include "serve/small_service.h"

namespace tessera::testing {

constexpr const char* kBody = R"({"history":["1","6"],"k":3})";

/// A server at work in threads of its own, over a small bundle.
class RunningServer : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    options.port = 0;
    options.store_threads = 2;
    server = std::make_unique<Server>(options, small.service(), log);
    running = std::thread([this] { server->run(); });
  }
  void stop() {
    if (!running.joinable()) return;
    server->stop();
    running.join();
    log.flush();
  }
  ~RunningServer() override { stop(); }
  std::uint16_t port() const { return server->port(); }
  void expect_served() const {
    Connection connection(port());
    EXPECT_EQ(connection.request("POST", "/v1/recommend", kBody).status, 200);
  }
  std::string code_of(const Answer& answer) const {
    return Parsed::parse(answer.body).at("error").at("code").get<std::string>();
  }

  testing::SmallService small;
  const fs::path log_file = small.directory() / "access.log";
  const Log log{log_file};
  std::unique_ptr<Server> server;
  std::thread running;
};

}  // namespace tessera::testing
