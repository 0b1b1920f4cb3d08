// Stores that take their time, and who has to wait for them.
#include <condition_variable>

#include "serve/inner_store.h"
#include "serve/running_server.h"
#include "store/fake_redis.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::Connection;
using testing::InnerStore;
using testing::kBody;
using testing::RunningServer;

/// A store whose histories keep who asks for them waiting, until told otherwise.
class StallingStore final : public InnerStore {
 public:
  void go_on() {
    {
      const std::lock_guard lock(mutex_);
      stalled_ = false;
    }
    wake_.notify_all();
  }
  std::optional<std::vector<std::string>> history(std::string_view user) const override {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return !stalled_; });
    return InnerStore::history(user);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable wake_;
  bool stalled_ = true;
};

TEST_F(RunningServer, AStoreThatStallsHoldsUpNobodyElse) {
  StallingStore store;
  Service service({.models = {{small.bundle()}}}, store, log);
  Server waiting(
      {.port = 0, .threads = 1, .store_threads = 1, .max_line = 2, .work_timeout = 500ms}, service,
      log);
  std::thread thread([&] { waiting.run(); });
  const std::string body =
      R"({"\u0075ser":"anna","fallback":"none"})";  // no search of the text finds it
  Connection first(waiting.port());
  first.send(Connection::text("POST", "/v1/recommend", body));
  Connection late(waiting.port());
  const Answer given_up = late.request("POST", "/v1/recommend", body);
  EXPECT_EQ(given_up.status, 503);
  EXPECT_EQ(code_of(given_up), "overloaded");
  EXPECT_NE(given_up.header.find("Retry-After"), std::string::npos);
  Connection others(waiting.port());
  EXPECT_EQ(others.request("GET", "/healthz").status, 200);
  EXPECT_EQ(others.request("POST", "/v1/recommend", kBody).status, 200);
  EXPECT_EQ(others.request("GET", "/v1/items/1/similar").status, 200);
  EXPECT_EQ(others.request("GET", "/v1/items?prefix=steel").status, 200);
  EXPECT_EQ(others.request("GET", "/metrics").status, 200);
  store.go_on();
  EXPECT_EQ(first.receive().status, 404);  // the user is unknown
  int status = 503;  // until what gave up has left the line: who is told so waits and comes again
  for (int i = 0; i < 1000 && status == 503; ++i) {
    std::this_thread::sleep_for(20ms);
    status = late.request("POST", "/v1/recommend", body).status;
  }
  EXPECT_EQ(status, 404);
  waiting.stop();
  thread.join();
}

TEST_F(RunningServer, AStoreThatIsFarNeedsNoThreadForWhoWaits) {
  constexpr std::size_t kMany = 150;
  testing::FakeRedis redis(small.directory(), [](const auto&, std::size_t asked) {
    return asked < kMany ? testing::FakeRedis::Act::hold : testing::FakeRedis::Act::answer_held;
  });
  const auto store = open_store(redis.spec(), {.redis_timeout = 30s});
  Service service({.models = {{small.bundle()}}}, *store, log);
  Server far({.port = 0, .threads = 1, .store_threads = 1}, service, log);
  std::thread thread([&] { far.run(); });
  std::vector<std::unique_ptr<Connection>> waiting;
  for (std::size_t i = 0; i < kMany; ++i) {
    waiting.push_back(std::make_unique<Connection>(far.port()));
    const std::string user = "u" + std::to_string(i);
    const std::string text[] = {
        Connection::text("GET", "/v1/users/" + user),
        Connection::text("POST", "/v1/recommend", R"({"user":")" + user + R"("})"),
        Connection::text("POST", "/v1/users/" + user + "/events", R"({"items":["1"]})"),
    };
    if (i + 1 == kMany) {  // before what lets all of them go
      while (redis.asked() < i) std::this_thread::yield();
      Connection others(far.port());
      EXPECT_EQ(others.request("POST", "/v1/recommend", kBody).status, 200);
    }
    waiting.back()->send(text[i % 3]);
  }
  for (const auto& connection : waiting) EXPECT_EQ(connection->receive().status, 200);
  far.stop();
  thread.join();
}

TEST_F(RunningServer, TooManyWhoWaitForAFarStoreAreTurnedAway) {
  testing::FakeRedis redis(small.directory(), [](const auto& command, std::size_t) {
    return command[1].ends_with("last") ? testing::FakeRedis::Act::answer_held
                                        : testing::FakeRedis::Act::hold;
  });
  const auto store = open_store(redis.spec(), {.redis_timeout = 30s});
  Service service({.models = {{small.bundle()}}}, *store, log);
  Server far({.port = 0, .threads = 1, .store_threads = 1, .max_line = 3}, service, log);
  std::thread thread([&] { far.run(); });
  std::vector<std::unique_ptr<Connection>> waiting;
  for (const char* user : {"a", "b", "c"}) {
    waiting.push_back(std::make_unique<Connection>(far.port()));
    waiting.back()->send(Connection::text("GET", std::string("/v1/users/") + user));
  }
  while (redis.asked() < 3) std::this_thread::yield();
  Connection beyond(far.port());
  const Answer refused = beyond.request("GET", "/v1/users/d");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(code_of(refused), "overloaded");
  EXPECT_NE(refused.header.find("Retry-After"), std::string::npos);
  EXPECT_TRUE(store->history("last").has_value());  // lets them go
  for (const auto& connection : waiting) EXPECT_EQ(connection->receive().status, 200);
  far.stop();
  thread.join();
}

}  // namespace
}  // namespace tessera
