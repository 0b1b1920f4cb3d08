#include "store/receipt_clock.h"

#include <algorithm>
#include <utility>

namespace tessera {
namespace {

std::int64_t system_milliseconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

ReceiptClock::ReceiptClock(std::function<std::int64_t()> now) : now_(std::move(now)) {
  if (!now_) now_ = system_milliseconds;
}

void ReceiptClock::go_on_from(std::int64_t bound) {
  last_ = std::max(bound, last_.load());
  kept_ = bound;
}

Receipt ReceiptClock::receive() {
  const std::int64_t now = now_();
  std::int64_t last = last_;
  while (last < now && !last_.compare_exchange_weak(last, now)) {
  }
  return {now, std::max(last, now)};
}

std::optional<std::int64_t> ReceiptClock::bound_to_keep(const Receipt& receipt) {
  constexpr std::int64_t kSecond = 1000;
  std::int64_t kept = kept_;
  if (receipt.stamp < kept) return std::nullopt;
  const std::int64_t bound = receipt.stamp + kSecond;
  if (!kept_.compare_exchange_strong(kept, bound)) return std::nullopt;  // another thread keeps one
  return bound;
}

std::chrono::milliseconds ReceiptClock::behind() const {
  return std::chrono::milliseconds(std::max<std::int64_t>(0, kept_ - now_()));
}

}  // namespace tessera
