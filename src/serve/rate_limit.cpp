#include "serve/rate_limit.h"

#include <algorithm>

namespace tessera {

std::optional<std::chrono::duration<double>> RateLimit::take(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto passed = std::chrono::duration<double>(now - filled_.value_or(now));
  left_ = std::min(2.0 * per_second_, left_ + std::max(passed.count(), 0.0) * per_second_);
  filled_ = now;
  // A caller who may make less than one every other second gets one when it is due.
  const double needed = std::min(1.0, 2.0 * per_second_);
  if (left_ < needed) return std::chrono::duration<double>((needed - left_) / per_second_);
  left_ -= 1.0;
  return std::nullopt;
}

}  // namespace tessera
