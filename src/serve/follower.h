#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/variants.h"
#include "store/store.h"

namespace tessera {

/// Brings what other processes change of items and attributes in a store that is shared to the
/// models in use, with a thread that asks the store at intervals. Where the store no longer tells
/// all of it, everything is read anew, as a reload does. It does nothing where nobody shares the
/// store.
class Follower {
 public:
  /// From here on: what was changed before is what a load reads that begins afterwards. All must
  /// outlive it. Throws Error if the store cannot be asked.
  Follower(Store& store, Variants& variants, ServiceMetrics& metrics, const Log& log,
           std::chrono::milliseconds interval = std::chrono::milliseconds(250));
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// From here on nothing is asked.
  void stop();

 private:
  void run();
  /// Whether more waits to be brought.
  bool bring();

  Store& store_;
  Variants& variants_;
  ServiceMetrics& metrics_;
  const Log& log_;
  const std::chrono::milliseconds interval_;
  std::optional<std::string> place_;  // of the latest change that was brought
  bool failing_ = false;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tessera
