#include "serve/watch.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/work.h"

namespace tessera {
namespace {

constexpr std::size_t kMostWaiting = 16;
constexpr std::size_t kPlaces = 10;

/// The items before the last time that the batch stands in the history; nothing where it does not,
/// for it is erased or has fallen out.
std::vector<std::string> before(const std::vector<std::string>& history,
                                const std::vector<std::string>& batch) {
  const auto at = std::ranges::find_end(history, batch);
  if (at.empty()) return {};
  return {history.begin(), at.begin()};
}

}  // namespace

Watch::Watch(const Store& store, Tell tell, std::chrono::milliseconds interval)
    : store_(store), tell_(std::move(tell)), interval_(interval) {}

Watch::~Watch() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void Watch::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  waiting_.clear();
  changed_.notify_all();
}

bool Watch::idle_by(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, end, [&] { return waiting_.empty() && !ranking_; });
}

void Watch::note(const std::string& user, std::span<const std::string> items, std::size_t variant,
                 const std::shared_ptr<Model>& model) {
  if (items.empty()) return;
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (stopping_ || now < next_ || waiting_.size() >= kMostWaiting) return;
  next_ = now + interval_;
  waiting_.push_back({user, {items.begin(), items.end()}, variant, model});
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      work_alone();
      leave_processors_to_others();
      run();
    });
  }
  changed_.notify_all();
}

void Watch::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    ranking_ = true;
    lock.unlock();
    try {
      rank(batch);
    } catch (const Error&) {  // the store is away: it is said where that matters
    }
    lock.lock();
    ranking_ = false;
    changed_.notify_all();
  }
}

/// The first event of the batch, which stood before the others. One with an item of the history is
/// left out, as evaluation leaves repeats out; one with an item that the model does not know is one
/// that it did not foretell.
void Watch::rank(const Batch& batch) const {
  const auto history = store_.history(batch.user);
  if (!history) return;
  std::vector<std::int32_t> known;
  for (const auto& number : batch.model->numbers(before(*history, batch.items))) {
    if (number) known.push_back(*number);
  }
  const auto target = batch.model->number(batch.items.front());
  if (known.empty() || (target && std::ranges::count(known, *target) > 0)) return;
  bool hit = false;
  if (target) {
    for (const ScoredItem& item : batch.model->recommend(known, {.k = kPlaces})) {
      hit = hit || item.item == *target;
    }
  }
  tell_(batch.variant, hit);
}

}  // namespace tessera
