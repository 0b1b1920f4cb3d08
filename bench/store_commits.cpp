// Commits a second of the embedded store, by sync policy and threads.
//   build/bench_store_commits DIRECTORY [SECONDS]     DIRECTORY on the disk in question, removed
//   after
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "store/store.h"

int main(int arguments, char** argument) {
  using namespace tessera;
  if (arguments < 2) {
    fmt::print(stderr, "usage: bench_store_commits DIRECTORY [SECONDS]\n");
    return 2;
  }
  const fs::path directory = argument[1];
  const double seconds = arguments > 2 ? std::atof(argument[2]) : 3;
  fmt::print("{:>8} {:>8} {:>6} {:>10} {:>10}\n", "sync", "threads", "batch", "commits/s",
             "events/s");
  for (const char* policy : {"always", "100ms", "none"}) {
    for (const auto& [threads, batch] : {std::pair{1, 1}, {8, 1}, {64, 1}, {64, 32}}) {
      if (fs::exists(directory)) {
        fmt::print(stderr, "{}: is there already; name a new directory\n", directory.string());
        return 1;
      }
      std::atomic<std::size_t> commits = 0;
      {
        StoreOptions options;
        set_sync(options, policy);
        const auto store = open_store(directory.string(), options);
        const std::vector<std::string> events(static_cast<std::size_t>(batch), "B00ABCDEFG");
        std::vector<std::jthread> writers;
        for (int writer = 0; writer < threads; ++writer) {
          writers.emplace_back([&, writer](const std::stop_token& stop) {
            for (std::size_t n = 0; !stop.stop_requested(); ++n, ++commits) {
              store->append_events(fmt::format("user {} {}", writer, n % 1000),
                                   plain_events(events), fmt::format("{}", n));
            }
          });
        }
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      }
      fs::remove_all(directory);
      const double rate = static_cast<double>(commits) / seconds;
      fmt::print("{:>8} {:>8} {:>6} {:>10.0f} {:>10.0f}\n", policy, threads, batch, rate,
                 rate * batch);
    }
  }
}
