#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "base/arena.h"

namespace tessera {

/// Scratch memory of calls that go on at once; it is kept for the next ones.
class Arenas {
 public:
  /// An arena of one's own until the end of the scope.
  class Lease {
   public:
    explicit Lease(Arenas& arenas) : arenas_(arenas), arena_(arenas.take()) {}
    ~Lease() { arenas_.give_back(std::move(arena_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    StepArena& operator*() const { return *arena_; }
    StepArena* operator->() const { return arena_.get(); }

   private:
    Arenas& arenas_;
    std::unique_ptr<StepArena> arena_;
  };

 private:
  std::unique_ptr<StepArena> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<StepArena>();
    std::unique_ptr<StepArena> arena = std::move(free_.back());
    free_.pop_back();
    return arena;
  }
  void give_back(std::unique_ptr<StepArena> arena) {
    arena->reset();
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(arena));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<StepArena>> free_;
};

}  // namespace tessera
