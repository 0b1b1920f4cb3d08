#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tessera {

/// What a request's answer has to wait for. Each kind but the first has threads and a line of its
/// own, so that none holds up another.
enum class Work {
  quick,    ///< nothing: it runs where the connection is served
  compute,  ///< a processor, for long
  store,    ///< the store, which may be far
  admin,    ///< whatever an operator asked for
};

/// For threads whose work can wait for that of others.
void leave_processors_to_others();

/// Some threads and a bounded line before them. Threads start when they are needed.
class WorkPool {
 public:
  using Clock = std::chrono::steady_clock;

  /// `yields`: its threads leave the processors to others.
  WorkPool(std::size_t threads, std::size_t longest_line, bool yields);
  /// Waits for the jobs that run.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// Lets a thread call the job, which must not throw. False if the line is full or the pool has
  /// stopped.
  bool submit(std::function<void()> job);
  /// Forgets the jobs in line and takes no more.
  void stop();
  /// Whether no job runs, at the latest by then.
  bool idle_by(Clock::time_point end);

 private:
  void run();

  const std::size_t most_threads_, longest_line_;
  const bool yields_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> line_;
  std::vector<std::thread> threads_;
  std::size_t waiting_ = 0;  // threads without a job
  bool stopped_ = false;
};

}  // namespace tessera
