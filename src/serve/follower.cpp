#include "serve/follower.h"

#include "base/error.h"
#include "base/parallel.h"

namespace tessera {

Follower::Follower(Store& store, Variants& variants, ServiceMetrics& metrics, const Log& log,
                   std::chrono::milliseconds interval)
    : store_(store),
      variants_(variants),
      metrics_(metrics),
      log_(log),
      interval_(interval),
      place_(store.latest_change()) {
  if (!place_) return;
  thread_ = std::thread([this] {
    work_alone();
    run();
  });
}

Follower::~Follower() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void Follower::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void Follower::run() {
  std::unique_lock lock(mutex_);
  for (bool more = false; !stopping_;) {
    if (!more) changed_.wait_for(lock, interval_, [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    try {
      more = variants_.ready() && bring();
      failing_ = false;
    } catch (const std::exception& error) {  // it is asked again
      if (!failing_) log_.event("changes_not_read", error.what());
      failing_ = true;
      more = false;
    }
    lock.lock();
  }
}

bool Follower::bring() {
  std::string place = *place_;  // what fails is done again
  const SharedChanges changes = variants_.follow(
      [&](std::span<const std::string> names) { return store_.changes_behind(place, names); });
  place_ = place;
  metrics_.count_followed(changes.put.size() + changes.erased.size() + changes.restored.size() +
                          changes.attributes.size());
  if (!changes.missed) return changes.more;
  log_.event("changes_missed", "the store no longer tells what others changed: all is read anew");
  place_ = store_.latest_change();  // and what comes while it is read
  variants_.start_load(true);
  return false;
}

}  // namespace tessera
