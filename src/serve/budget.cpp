#include "serve/budget.h"

namespace tessera {

Budget::Verdict Budget::Share::hold(std::size_t bytes) {
  if (bytes == held_) return Verdict::granted;
  const std::lock_guard lock(budget_.mutex_);
  std::size_t& of_client = budget_.of_client_[client_];
  if (bytes > held_) {
    const std::size_t more = bytes - held_;
    if (budget_.taken_ + more > budget_.bytes_) return Verdict::all_is_taken;
    if (of_client + more > budget_.bytes_ / 2) return Verdict::client_has_too_much;
  }
  budget_.taken_ += bytes - held_;  // modulo 2^64, as it may be less
  of_client += bytes - held_;
  if (of_client == 0) budget_.of_client_.erase(client_);
  held_ = bytes;
  return Verdict::granted;
}

}  // namespace tessera
