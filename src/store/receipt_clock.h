#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace tessera {

/// When something was received.
struct Receipt {
  std::int64_t now = 0;    ///< by the system's clock, which may be set back
  std::int64_t stamp = 0;  ///< by the store's, which is not
};

/// The times at which a store takes events, milliseconds since 1970: never before an earlier one,
/// also where the system's clock is set back or the process starts again. The store keeps a bound
/// of them and says it when it is opened.
class ReceiptClock {
 public:
  /// `now`: none for the system's clock.
  explicit ReceiptClock(std::function<std::int64_t()> now);

  /// The bound that was kept: goes on from there.
  void go_on_from(std::int64_t bound);
  Receipt receive();
  /// The bound to be kept with what was received then; nothing if one is kept that holds, which is
  /// renewed once a second.
  std::optional<std::int64_t> bound_to_keep(const Receipt& receipt);
  /// By how much the system's clock stands before the bound.
  std::chrono::milliseconds behind() const;

 private:
  std::function<std::int64_t()> now_;
  std::atomic<std::int64_t> last_ = 0, kept_ = 0;
};

}  // namespace tessera
