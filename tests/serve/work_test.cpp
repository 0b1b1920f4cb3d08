#include "serve/work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>

namespace tessera {
namespace {

using namespace std::chrono_literals;

WorkPool::Clock::time_point soon() { return WorkPool::Clock::now() + 10s; }

TEST(WorkPool, DoesItsJobs) {
  std::atomic<int> done = 0;
  WorkPool pool(3, 1000, true);
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.submit([&] { ++done; }));
  EXPECT_TRUE(pool.idle_by(soon()));
  EXPECT_EQ(done, 500);
}

TEST(WorkPool, RefusesWhenTheLineIsFullAndForgetsItAtTheEnd) {
  std::latch begun(2), go_on(1);
  std::atomic<int> done = 0;
  {
    WorkPool pool(2, 3, false);
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(pool.submit([&] {
        begun.count_down();
        go_on.wait();
        ++done;
      }));
    }
    begun.wait();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.submit([&] { done += 100; }));
    EXPECT_FALSE(pool.submit([] {}));
    EXPECT_FALSE(pool.idle_by(WorkPool::Clock::now()));
    pool.stop();
    EXPECT_FALSE(pool.submit([] {}));
    go_on.count_down();
    EXPECT_TRUE(pool.idle_by(soon()));
  }
  EXPECT_EQ(done, 2);
}

TEST(WorkPool, CountsAJobThatIsHeldUntilItsRestIsDone) {
  std::atomic<int> done = 0;
  WorkPool pool(1, 2, false);
  std::optional<WorkPool::Hold> first(pool), second(pool);
  EXPECT_FALSE(pool.submit([] {})) << "two are under way";
  EXPECT_FALSE(pool.idle_by(WorkPool::Clock::now()));
  pool.stop();
  pool.go_on([&] {
    ++done;
    first.reset();
  });
  pool.go_on([&] {
    ++done;
    second.reset();
  });
  EXPECT_TRUE(pool.idle_by(soon())) << "a rest is done also when the pool has stopped";
  EXPECT_EQ(done, 2);
}

}  // namespace
}  // namespace tessera
