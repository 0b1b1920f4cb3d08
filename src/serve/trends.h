#pragma once
#include <chrono>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tessera/fallback.h"

namespace tessera {

/// What was touched most of late: events of items, of which one counts half as much a
/// kTrendHalfLife later. By forward decay (Cormode et al. 2009): later events weigh more, and what
/// is there need not be touched. Every function may be called from several threads at once.
class Trends {
 public:
  using Clock = std::chrono::system_clock;

  /// Begins anew with what a model saw in training: ids, and what TrendingItem calls `touched`.
  void restart(std::span<const std::pair<std::string, double>> trained);
  void note(std::span<const std::string> items, Clock::time_point now = Clock::now());
  /// The first `kListed` of them, the most touched first, as they were at most a second ago.
  std::vector<std::string> top(Clock::time_point now = Clock::now());

  static constexpr std::size_t kListed = 1000;
  static constexpr std::size_t kMostItems = 200'000;  ///< beyond it the least touched are forgotten

 private:
  double weight(Clock::time_point now) const;
  void forget_least();
  void begin_again(Clock::time_point now);

  std::mutex mutex_;
  Clock::time_point begin_ = Clock::now();
  std::unordered_map<std::string, double> counts_;
  std::vector<std::string> top_;
  Clock::time_point listed_{};
  bool changed_ = false;
};

}  // namespace tessera
