// Parallel loops cover their range once, whatever the thread count.
#include "base/parallel.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "testing/threads.h"

namespace tessera {
namespace {

using Parts = std::vector<std::pair<std::size_t, std::size_t>>;

Parts parts_of(std::size_t n, std::size_t grain) {
  Parts parts;
  std::mutex mutex;
  parallel_for(n, grain, [&](std::size_t begin, std::size_t end) {
    const std::scoped_lock lock(mutex);
    parts.emplace_back(begin, end);
  });
  std::sort(parts.begin(), parts.end());
  return parts;
}

TEST(ParallelFor, CoversTheRangeExactlyOnceInPartsOfTheGrainAtLeast) {
  for (const int threads : {1, 2, 3, 7}) {
    const testing::ThreadCount count(threads);
    for (const std::size_t n : {1U, 2U, 7U, 17U, 33U, 1000U}) {
      for (const std::size_t grain : {0U, 1U, 5U, 1000U, 2000U}) {
        const Parts parts = parts_of(n, grain);
        ASSERT_FALSE(parts.empty());
        EXPECT_LE(parts.size(), static_cast<std::size_t>(threads));
        std::size_t next = 0;
        for (const auto& [begin, end] : parts) {
          EXPECT_EQ(begin, next);
          EXPECT_GE(end - begin, std::min(grain, n));
          next = end;
        }
        EXPECT_EQ(next, n);
        EXPECT_EQ(parts, parts_of(n, grain)) << "parts depend on their arguments alone";
      }
    }
  }
}

TEST(ParallelFor, UsesAsManyPartsAsThreadsWhereThereIsEnoughToDo) {
  const testing::ThreadCount count(3);
  EXPECT_EQ(parts_of(300, 100).size(), 3U);
  EXPECT_EQ(parts_of(299, 100).size(), 2U);
}

TEST(ParallelFor, OfNothingCallsNothing) { EXPECT_TRUE(parts_of(0, 1).empty()); }

TEST(ParallelFor, InsideAnotherOneRunsInItsOwnThread) {
  const testing::ThreadCount count(2);
  std::atomic<int> inner_calls = 0;
  std::atomic<std::size_t> covered = 0;
  parallel_for(2, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      parallel_for(100, 1, [&](std::size_t first, std::size_t last) {
        ++inner_calls;
        covered += last - first;
      });
    }
  });
  EXPECT_EQ(inner_calls, 2);
  EXPECT_EQ(covered, 200U);
}

TEST(SetThreads, AllCpusMeansTheSameAfterPinning) {
  // In a thread of its own, for pinning stays with the thread.
  int first = 0, again = 0, one = 0;
  std::thread([&] {
    set_threads(0);
    first = thread_count();
    set_threads(1);
    one = thread_count();
    set_threads(0);
    again = thread_count();
  }).join();
  EXPECT_EQ(one, 1);
  EXPECT_EQ(again, first);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  EXPECT_EQ(first, CPU_COUNT(&allowed));
}

TEST(WorkAlone, UsesOneThreadOnAnyCpu) {
  int threads = 0, cpus = 0;
  std::thread([&] {
    set_threads(0);  // pins this thread where the process has several CPUs
    std::thread([&] {
      work_alone();
      threads = thread_count();
      cpu_set_t allowed;
      CPU_ZERO(&allowed);
      sched_getaffinity(0, sizeof(allowed), &allowed);
      cpus = CPU_COUNT(&allowed);
    }).join();
  }).join();
  EXPECT_EQ(threads, 1);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  EXPECT_EQ(cpus, CPU_COUNT(&allowed));
}

}  // namespace
}  // namespace tessera
