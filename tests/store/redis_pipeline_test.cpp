// One connection for many who wait, and what becomes of them when it breaks.
#include "store/redis_pipeline.h"

#include <gtest/gtest.h>

#include <latch>

#include "base/task.h"
#include "store/fake_redis.h"
#include "store/store.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera::testing {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<std::string>;

class RedisPipelines : public ::testing::Test {
 protected:
  FakeRedis& serve(FakeRedis::Choose choose) {
    redis_.emplace(directory_.path(), std::move(choose));
    return *redis_;
  }
  std::unique_ptr<Store> open(std::chrono::milliseconds timeout = 30s) const {
    return open_store(redis_->spec(), {.redis_timeout = timeout});
  }

 private:
  TempDirectory directory_;
  std::optional<FakeRedis> redis_;
};

TEST_F(RedisPipelines, ManyWaitAtATimeWithoutThreads) {
  constexpr std::size_t kMany = 300;
  FakeRedis& redis = serve([](const auto&, std::size_t asked) {
    return asked < kMany ? FakeRedis::Act::hold : FakeRedis::Act::answer_held;
  });
  const auto store = open();
  std::vector<std::string> users;
  for (std::size_t i = 0; i < kMany; ++i) users.push_back("user" + std::to_string(i));
  std::latch done(kMany);
  std::atomic<std::size_t> right = 0;
  for (const std::string& user : users) {  // all by this thread
    start(store->history_async(user), [&](const std::optional<Ids>& history) {
      right += history == Ids{"1"} ? 1 : 0;
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(right, kMany);
  EXPECT_EQ(redis.connections(), 1U);
}

TEST_F(RedisPipelines, SendsAgainWhatMayBeSentAgain) {
  FakeRedis& redis = serve([](const auto&, std::size_t asked) {
    return asked % 2 == 1 ? FakeRedis::Act::close : FakeRedis::Act::answer;
  });
  const auto store = open();
  EXPECT_EQ(store->history("anna"), Ids{"1"});
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"1"}), "key"), Append::kDone);
  EXPECT_EQ(redis.asked(), 4U);
  // Without a key it might be there twice then.
  expect_error([&] { store->append_events("anna", plain_events(Ids{"1"}), ""); },
               {"unix:", "was lost"});
  EXPECT_EQ(redis.asked(), 5U);
}

TEST_F(RedisPipelines, GivesUpAServerThatDropsWhateverIsAsked) {
  FakeRedis& redis = serve([](const auto&, std::size_t) { return FakeRedis::Act::close; });
  const auto store = open();
  expect_error([&] { store->history("anna"); }, {"unix:", "was lost"});
  EXPECT_EQ(redis.asked(), 2U);
}

TEST_F(RedisPipelines, AnAnswerThatIsLateIsNobodyElses) {
  serve([](const FakeRedis::Command& command, std::size_t) {
    return command[1].ends_with("late") ? FakeRedis::Act::hold : FakeRedis::Act::answer;
  });
  const auto store = open(50ms);
  expect_error([&] { store->history("late"); }, {"unix:", "no answer within 50 ms"});
  EXPECT_EQ(store->history("anna"), Ids{"1"});
}

TEST_F(RedisPipelines, WhoWaitsAtTheEndIsTold) {
  FakeRedis& redis = serve([](const auto&, std::size_t) { return FakeRedis::Act::hold; });
  auto store = open();
  std::latch done(1);
  std::string told;
  const auto ask = [&](const Store& of) -> Task<bool> {
    try {
      co_await of.history_async("anna");
    } catch (const Error& error) {
      told = error.what();
    }
    co_return true;
  };
  start(ask(*store), [&](bool) { done.count_down(); });
  while (redis.asked() == 0) std::this_thread::yield();
  store.reset();
  done.wait();
  EXPECT_NE(told.find("is closed"), std::string::npos) << told;
}

}  // namespace
}  // namespace tessera::testing
