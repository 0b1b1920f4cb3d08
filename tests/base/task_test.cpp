#include "base/task.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

namespace tessera {
namespace {

Task<int> two() { co_return 2; }

Task<int> sum(int count) {
  int all = 0;
  for (int i = 0; i < count; ++i) all += co_await two();
  co_return all;
}

Task<std::unique_ptr<int>> failing(bool fails) {
  if (fails) throw std::runtime_error("it failed");
  co_return std::make_unique<int>(5);
}

Task<std::string> told() {
  std::string what = "nothing";
  try {
    co_await failing(true);
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  co_return what;
}

TEST(Tasks, AwaitEachOther) { EXPECT_EQ(wait(sum(1000)), 2000); }

TEST(Tasks, GiveWhatCanOnlyBeMoved) { EXPECT_EQ(*wait(failing(false)), 5); }

TEST(Tasks, PassOnWhatIsThrown) {
  EXPECT_THROW(wait(failing(true)), std::runtime_error);
  EXPECT_EQ(wait(told()), "it failed");
}

TEST(Tasks, BeginOnlyWhenTheyAreAwaited) {
  bool begun = false;
  const auto task = [&]() -> Task<bool> { co_return begun = true; };
  {
    const Task<bool> never = task();
  }
  EXPECT_FALSE(begun);
  EXPECT_TRUE(wait(task()));
}

TEST(Tasks, GoOnInAnotherThread) {
  struct Elsewhere {
    std::thread& thread;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> task) const {
      thread = std::thread([task] { task.resume(); });
    }
    void await_resume() const {}
  };
  std::thread thread;
  const auto task = [&]() -> Task<std::thread::id> {
    co_await Elsewhere{thread};
    co_return std::this_thread::get_id();
  };
  const std::thread::id id = wait(task());
  EXPECT_EQ(id, thread.get_id());
  thread.join();
}

}  // namespace
}  // namespace tessera
