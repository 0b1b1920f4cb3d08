#include "serve/work.h"

#include <sys/resource.h>
#include <unistd.h>

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
  for (std::thread& thread : threads_) thread.join();
}

bool WorkPool::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || line_.size() >= longest_line_) return false;
    line_.push_back(std::move(job));
    if (line_.size() > waiting_ && threads_.size() < most_threads_) {
      ++waiting_;
      threads_.emplace_back([this] { run(); });
    }
  }
  wake_.notify_one();
  return true;
}

void WorkPool::stop() {
  std::deque<std::function<void()>> forgotten;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    forgotten.swap(line_);
  }
  wake_.notify_all();
}

bool WorkPool::idle_by(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, end, [&] { return line_.empty() && waiting_ == threads_.size(); });
}

void WorkPool::run() {
  work_alone();
  if (yields_) leave_processors_to_others();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopped_ || !line_.empty(); });
    if (line_.empty()) return;
    std::function<void()> job = std::move(line_.front());
    line_.pop_front();
    --waiting_;
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes before others hear that it is done
    lock.lock();
    ++waiting_;
    if (line_.empty() && waiting_ == threads_.size()) idle_.notify_all();
  }
}

}  // namespace tessera
