#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "serve/metrics.h"
#include "store/store.h"
#include "tessera/model.h"

namespace tessera {

/// How well the model in use foretells what happens: of stored events a sample is ranked, each
/// against the history before it, by a thread that leaves the processors to others. What it finds
/// goes to the metrics. Every function may be called from several threads at once.
class Watch {
 public:
  using Clock = std::chrono::steady_clock;

  /// `store` and `metrics` must outlive it. An event at most in each `interval` is ranked.
  Watch(const Store& store, ServiceMetrics& metrics,
        std::chrono::milliseconds interval = std::chrono::milliseconds(100));
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// A batch that was appended while this model was in use; it may be passed over.
  void note(const std::string& user, std::span<const std::string> items,
            const std::shared_ptr<Model>& model);
  /// Takes no more, and forgets what is not ranked yet.
  void stop();
  /// Whether nothing waits to be ranked, at the latest by then.
  bool idle_by(Clock::time_point end);

 private:
  struct Batch {
    std::string user;
    std::vector<std::string> items;
    std::shared_ptr<Model> model;
  };

  void run();
  void rank(const Batch& batch) const;

  const Store& store_;
  ServiceMetrics& metrics_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  Clock::time_point next_{};
  bool ranking_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace tessera
