// What the service acknowledged survives its sudden end and a full disk.
#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "cli/serving.h"
#include "testing/small_disk.h"

namespace tessera::testing {
namespace {

const std::vector<std::string> kEvents = {"S000012", "S000070", "S000001", "S000033", "S000149"};

/// A client that appends to a history of its own, puts items and deletes histories, until the
/// service is gone; it knows what was acknowledged and what it never heard of.
struct Client {
  std::string name;
  std::vector<std::string> history;  ///< acknowledged events
  std::string open_event, open_key;  ///< sent, but not acknowledged
  std::vector<std::string> items, deleted;

  static std::string body(const std::string& event) { return R"({"items":[")" + event + R"("]})"; }
  static std::string key(const std::string& key) { return "Idempotency-Key: " + key + "\r\n"; }

  void write(std::uint16_t port) {
    try {
      Connection connection(port);
      for (std::size_t i = 0;; ++i) {
        open_event = kEvents[i % kEvents.size()];
        open_key = std::to_string(i);
        const std::string events = "/v1/users/" + name + "/events";
        if (connection.request("POST", events, body(open_event), key(open_key)).status != 200)
          return;
        history.push_back(open_event);
        open_event.clear();
        if (i % 5 == 1) {
          const std::string item = name + "-item-" + std::to_string(i);
          const auto put = connection.request("PUT", "/v1/items/" + item,
                                              R"({"title":"Steel teapot lamp scarf"})");
          if (put.status != 200 && put.status != 201) return;
          items.push_back(item);
        }
        if (i % 5 == 3) {
          const std::string user = name + "-gone-" + std::to_string(i);
          const std::string path = "/v1/users/" + user;
          if (connection.request("POST", path + "/events", body(kEvents[0])).status != 200) return;
          if (connection.request("DELETE", path).status != 204) return;
          deleted.push_back(user);
        }
      }
    } catch (const std::exception&) {  // the service is gone
    }
  }

  void expect_nothing_lost(std::uint16_t port) {
    Connection connection(port);
    if (!open_event.empty()) {
      // Whether it had been stored or not: sent again with its key it is there once.
      const auto again = connection.request("POST", "/v1/users/" + name + "/events",
                                            body(open_event), key(open_key));
      ASSERT_EQ(again.status, 200) << again.body;
      history.push_back(open_event);
    }
    const Json stored = Json::parse(connection.request("GET", "/v1/users/" + name).body);
    EXPECT_EQ(stored.at("items"), Json(history));
    for (const std::string& item : items) {
      EXPECT_EQ(connection.request("GET", "/v1/items/" + item).status, 200) << item;
    }
    for (const std::string& user : deleted) {
      EXPECT_EQ(connection.request("GET", "/v1/users/" + user).status, 404) << user;
    }
  }
};

TEST_F(Serve, LosesAndDoublesNothingInTwentyKills) {
  const std::string state = "--access-log none --state " + path("state");
  std::mt19937 random(7);
  std::uniform_int_distribution<int> milliseconds(20, 150);
  std::size_t acknowledged = 0;
  double slowest_start = 0.0;
  for (int round = 0; round < 20; ++round) {
    start(state);
    std::vector<Client> clients(4);
    std::vector<std::jthread> threads;
    for (std::size_t c = 0; c < clients.size(); ++c) {
      clients[c].name = "user-" + std::to_string(round) + "-" + std::to_string(c);
      threads.emplace_back([&, c] { clients[c].write(port_); });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    EXPECT_EQ(end(SIGKILL).exit_code, -1);
    threads.clear();
    const auto begin = std::chrono::steady_clock::now();
    start(state);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    slowest_start = std::max(slowest_start, took.count());
    for (Client& client : clients) {
      acknowledged += client.history.size() + client.items.size() + client.deleted.size();
      client.expect_nothing_lost(port_);
    }
    EXPECT_EQ(end(SIGTERM).exit_code, 0);
  }
  EXPECT_GT(acknowledged, 20U);
  std::printf("%zu acknowledged writes; slowest start after a kill %.2f s\n", acknowledged,
              slowest_start);
}

TEST_F(Serve, ReadsOnAFullDiskAndWritesWhenThereIsRoomAgain) {
  const SmallDisk disk(path("disk"), 16);
  if (!disk.mounted()) GTEST_SKIP() << "a small file system can only be mounted as root";
  start("--access-log none --state " + path("disk") + "/state");
  const auto append = [&](const std::string& user) {
    return ask("POST", "/v1/users/" + user + "/events", R"({"items":["S000012"]})").status;
  };
  ASSERT_EQ(append("anna"), 200);
  const std::string ballast = path("disk") + "/ballast";
  {
    const std::string megabyte(1 << 20, 'x');
    std::ofstream file(ballast, std::ios::binary);
    while (file.write(megabyte.data(), std::ssize(megabyte)).flush()) {
    }
  }
  int status = 200;
  std::size_t written = 0;
  while (status == 200 && written < 100'000) status = append("user-" + std::to_string(written++));
  EXPECT_EQ(status, 503);
  EXPECT_EQ(ask("GET", "/v1/users/anna").body, R"({"user":"anna","items":["S000012"]})");
  EXPECT_EQ(ask("POST", "/v1/recommend", R"({"user":"anna","k":3})").status, 200);
  fs::remove(ballast);
  EXPECT_TRUE(eventually([&] { return append("ben") == 200; }));
  EXPECT_EQ(ask("GET", "/v1/users/anna").status, 200);
  if (written > 1) {
    EXPECT_EQ(ask("GET", "/v1/users/user-0").status, 200);
  }
  const Finished finished = end(SIGTERM);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("store_failed"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace tessera::testing
