#pragma once
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace tessera {

/// How many bytes the requests under way and the answers that clients have yet to take may occupy
/// together. One client may have half of it.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : bytes_(bytes) {}

  enum class Verdict { granted, client_has_too_much, all_is_taken };

  /// What one connection holds, given back at its end. Not for several threads at once.
  class Share {
   public:
    /// `client`: whom the bytes count for.
    Share(Budget& budget, std::string client) : budget_(budget), client_(std::move(client)) {}
    ~Share() { hold(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    /// Holds so many bytes from here on; unless it is granted, as many as before. Less always is.
    Verdict hold(std::size_t bytes);

   private:
    Budget& budget_;
    std::string client_;
    std::size_t held_ = 0;
  };

  std::size_t taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  const std::size_t bytes_;
  mutable std::mutex mutex_;  // guards what follows
  std::size_t taken_ = 0;
  std::unordered_map<std::string, std::size_t> of_client_;
};

}  // namespace tessera
