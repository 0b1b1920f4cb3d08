#include "serve/work.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/held_signals.h"
#include "base/parallel.h"

namespace tessera {
namespace {

constexpr int kNiceness = 5;

}  // namespace

void leave_processors_to_others() {
  // On Linux a niceness is a thread's own.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
}

WorkPool::WorkPool(std::size_t threads, std::size_t longest_line, bool yields)
    : most_threads_(threads), longest_line_(longest_line), yields_(yields) {}

WorkPool::~WorkPool() {
  stop();
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return idle(); });
    ended_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

WorkPool::Hold::Hold(WorkPool& pool) : pool_(pool) {
  const std::lock_guard lock(pool_.mutex_);
  ++pool_.held_;
}

WorkPool::Hold::~Hold() {
  const std::lock_guard lock(pool_.mutex_);
  --pool_.held_;
  if (pool_.idle()) pool_.idle_.notify_all();
}

/// A thread more if that would have something to do.
void WorkPool::begin_thread() {
  if (in_line() <= waiting_ || threads_.size() == most_threads_) return;
  ++waiting_;
  threads_.emplace_back([this] { run(); });
}

bool WorkPool::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || line_.size() + held_ >= longest_line_) return false;
    line_.push_back(std::move(job));
    begin_thread();
  }
  wake_.notify_one();
  return true;
}

void WorkPool::go_on(std::function<void()> rest) {
  {
    const std::lock_guard lock(mutex_);
    rests_.push_back(std::move(rest));
    begin_thread();
  }
  wake_.notify_one();
}

void WorkPool::stop() {
  std::deque<std::function<void()>> forgotten;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    forgotten.swap(line_);
  }
  idle_.notify_all();
}

bool WorkPool::idle_by(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, end, [&] { return idle(); });
}

std::function<void()> WorkPool::next() {
  std::deque<std::function<void()>>& from = rests_.empty() ? line_ : rests_;
  std::function<void()> job = std::move(from.front());
  from.pop_front();
  return job;
}

void WorkPool::run() {
  const HeldSignals held;  // for good: a product then asks nobody
  work_alone();
  if (yields_) leave_processors_to_others();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ended_ || in_line() > 0; });
    if (in_line() == 0) return;
    std::function<void()> job = next();
    --waiting_;
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes before others hear that it is done
    lock.lock();
    ++waiting_;
    if (idle()) idle_.notify_all();
  }
}

}  // namespace tessera
