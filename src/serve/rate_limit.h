#pragma once
#include <chrono>
#include <mutex>
#include <optional>

namespace tessera {

/// How many requests a second one caller may make, with as many at once as two seconds bring (the
/// token bucket). Every function may be called from several threads at once.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimit(double per_second) : per_second_(per_second), left_(2.0 * per_second) {}

  /// Nothing if one more may be made now, which then counts; otherwise how long to wait for it.
  std::optional<std::chrono::duration<double>> take(Clock::time_point now = Clock::now());

 private:
  const double per_second_;
  std::mutex mutex_;  // guards what follows
  double left_;
  std::optional<Clock::time_point> filled_;
};

}  // namespace tessera
