// The embedded store under kill -9: a child process (this program again, with the test below that
// is otherwise disabled) writes as fast as it can and tells on a pipe what was acknowledged.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include "store/store.h"
#include "testing/process.h"

namespace tessera::testing {
namespace {

using Ids = std::vector<std::string>;

constexpr int kWriters = 4, kRounds = 20;
constexpr std::size_t kUsersOfAThread = 5;

StoreOptions options_of(const std::string& policy) {
  StoreOptions options;
  options.history_limit = 1'000'000;
  set_sync(options, policy);
  return options;
}

// The n-th batch of a thread: two events for one of the thread's users, and a key.
std::string user_of(std::size_t thread, std::size_t n) {
  return fmt::format("user {} {}", thread, n % kUsersOfAThread);
}
Ids events_of(std::size_t n) { return {fmt::format("{} a", n), fmt::format("{} b", n)}; }

/// Writes batches from those that `starts` names, one for each thread, until killed.
void write_until_killed(const std::string& directory, const std::string& policy,
                        const std::string& starts) {
  const auto store = open_store(directory, options_of(policy));
  std::vector<std::jthread> threads;
  std::istringstream numbers(starts);
  for (std::size_t thread = 0; thread < kWriters; ++thread) {
    std::size_t start = 0;
    numbers >> start;
    threads.emplace_back([&store, thread, start] {
      for (std::size_t n = start;; ++n) {
        // The first may have been stored before the last kill: then this must not double it.
        store->append_events(user_of(thread, n), plain_events(events_of(n)),
                             fmt::format("key {}", n));
        const std::string line = fmt::format("{} {}\n", thread, n);
        if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return;
      }
    });
  }
}

TEST(CrashChild, DISABLED_Writes) {
  write_until_killed(std::getenv("CRASH_DIRECTORY"), std::getenv("CRASH_POLICY"),
                     std::getenv("CRASH_STARTS"));
}

class CrashTest : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Policies, CrashTest, ::testing::Values("always", "5ms", "none"),
                         [](const auto& named) { return named.param; });

TEST_P(CrashTest, NothingAcknowledgedIsLostAndNothingDoubled) {
  const TempDirectory directory;
  const std::string state = (directory.path() / "state").string();
  const std::string lines = (directory.path() / "acknowledged").string();
  std::array<std::size_t, kWriters> acknowledged{};  // batches of each thread, from the first on
  std::mt19937 random(7);
  double slowest = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string starts;
    for (const std::size_t n : acknowledged) starts += fmt::format("{} ", n);
    ::setenv("CRASH_DIRECTORY", state.c_str(), 1);
    ::setenv("CRASH_POLICY", GetParam().c_str(), 1);
    ::setenv("CRASH_STARTS", starts.c_str(), 1);
    ASSERT_EQ(::mkfifo(lines.c_str(), 0600), 0);
    const int reader = ::open(lines.c_str(), O_RDONLY | O_NONBLOCK);  // or the child waits for one
    Process child({std::filesystem::read_symlink("/proc/self/exe").string(),
                   "--gtest_also_run_disabled_tests", "--gtest_filter=CrashChild.DISABLED_Writes"},
                  lines);
    // Mostly while it writes, now and then while it opens what the last kill left.
    std::atomic<bool> writes = false;
    std::thread killer([&, after = std::chrono::milliseconds(random() % 50)] {
      if (round % 5 != 4) eventually([&] { return writes.load(); });
      std::this_thread::sleep_for(after);
      child.signal(SIGKILL);
    });
    std::ifstream pipe(lines);
    for (std::string line; std::getline(pipe, line);) {
      std::istringstream words(line);
      std::size_t thread = 0, n = 0;
      if (!(words >> thread >> n) || !words.eof() || thread >= kWriters) continue;
      acknowledged[thread] = n + 1;
      writes = true;
    }
    writes = true;
    killer.join();
    child.wait();
    ::close(reader);
    std::filesystem::remove(lines);

    const auto start = std::chrono::steady_clock::now();
    const auto store = open_store(state, options_of(GetParam()));
    const std::chrono::duration<double> opened = std::chrono::steady_clock::now() - start;
    slowest = std::max(slowest, opened.count());
    for (std::size_t thread = 0; thread < kWriters; ++thread) {
      // At most the batch after the acknowledged ones was on its way.
      std::array<Ids, kUsersOfAThread> expected;
      for (std::size_t n = 0; n <= acknowledged[thread]; ++n) {
        Ids& history = expected[n % kUsersOfAThread];
        const Ids events = events_of(n);
        if (n == acknowledged[thread]) {
          const auto stored = store->history(user_of(thread, n)).value_or(Ids{});
          if (stored == history) break;
        }
        history.insert(history.end(), events.begin(), events.end());
      }
      for (std::size_t user = 0; user < kUsersOfAThread; ++user) {
        ASSERT_EQ(store->history(user_of(thread, user)).value_or(Ids{}), expected[user])
            << "round " << round << ", thread " << thread << ", user " << user;
      }
    }
  }
  std::size_t batches = 0;
  for (const std::size_t n : acknowledged) batches += n;
  EXPECT_GT(batches, 0U);
  std::cout << fmt::format("{} batches acknowledged over {} kills; slowest opening {:.0f} ms\n",
                           batches, kRounds, slowest * 1000);
}

}  // namespace
}  // namespace tessera::testing
