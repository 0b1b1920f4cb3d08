#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"
#include "tessera/model.h"

namespace tessera {

/// How well the models in use foretell what happens: of stored events a sample is ranked, each
/// against the history before it, by the model that answers the user, in a thread that leaves the
/// processors to others. Every function may be called from several threads at once.
class Watch {
 public:
  using Clock = std::chrono::steady_clock;

  /// What is told of each event that was ranked: which variant did, and whether the item was among
  /// the ten best.
  using Tell = std::function<void(std::size_t variant, bool hit)>;

  /// `store` must outlive it. An event at most in each `interval` is ranked.
  Watch(const Store& store, Tell tell,
        std::chrono::milliseconds interval = std::chrono::milliseconds(100));
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// A batch that was appended while this model of the variant was in use; it may be passed over.
  void note(const std::string& user, std::span<const std::string> items, std::size_t variant,
            const std::shared_ptr<Model>& model);
  /// Takes no more, and forgets what is not ranked yet.
  void stop();
  /// Whether nothing waits to be ranked, at the latest by then.
  bool idle_by(Clock::time_point end);

 private:
  struct Batch {
    std::string user;
    std::vector<std::string> items;
    std::size_t variant;
    std::shared_ptr<Model> model;
  };

  void run();
  void rank(const Batch& batch) const;

  const Store& store_;
  const Tell tell_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  Clock::time_point next_{};
  bool ranking_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace tessera
