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
  change,   ///< a change of an item, which comes after the one before
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
  /// Waits for the jobs that run or are held.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// For a job that is not over when its function returns: it counts for as long as this lives.
  class Hold {
   public:
    explicit Hold(WorkPool& pool);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    WorkPool& pool_;
  };

  /// Lets a thread call the job, which must not throw. False if too many are in line or held, or
  /// the pool has stopped.
  bool submit(std::function<void()> job);
  /// Lets a thread call what is left of a job that is held, before those in line, and also when the
  /// pool has stopped.
  void go_on(std::function<void()> rest);
  /// Forgets the jobs in line and takes no more.
  void stop();
  /// Whether no job runs or is held, at the latest by then.
  bool idle_by(Clock::time_point end);

 private:
  void run();
  std::function<void()> next();
  void begin_thread();
  std::size_t in_line() const { return line_.size() + rests_.size(); }
  bool idle() const { return in_line() == 0 && waiting_ == threads_.size() && held_ == 0; }

  const std::size_t most_threads_, longest_line_;
  const bool yields_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> line_, rests_;
  std::vector<std::thread> threads_;
  std::size_t waiting_ = 0;  // threads without a job
  std::size_t held_ = 0;
  bool stopped_ = false;  // takes no more
  bool ended_ = false;    // has no more
};

}  // namespace tessera
