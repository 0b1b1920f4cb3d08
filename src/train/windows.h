#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// A run of a user's training events that a step predicts, each from those of the window before it
/// and from the one event before the window.
struct Window {
  std::int32_t user = 0;
  std::int32_t first = 0;    ///< place of its first target in the training history, from 1
  std::int32_t targets = 0;  ///< how many
};

/// What a user has to be learned from: the training events but the first.
struct UserTargets {
  std::int32_t user = 0;
  std::int32_t targets = 0;
};

/// How many of them an epoch learns from, by settings.windows and max_length.
std::size_t learned_targets(std::span<const UserTargets> users, const Settings& settings);

/// How many steps an epoch has: as many as leave each about batch_positions, or batch_users if that
/// makes more of them. Every epoch has as many.
std::size_t steps_of_epoch(std::span<const UserTargets> users, const Settings& settings);

/// The windows of an epoch, in the order in which its steps take them.
struct EpochPlan {
  std::vector<Window> windows;
  std::vector<std::size_t> steps{0};  ///< [steps + 1], where each begins

  std::size_t size() const { return steps.size() - 1; }
  std::span<const Window> step(std::size_t i) const {
    return std::span(windows).subspan(steps[i], steps[i + 1] - steps[i]);
  }
};

/// Cuts histories into windows, shuffles them and shares them out to steps, by (seed, epoch) alone.
/// `windows=last`: a history's last max_length targets. `windows=all`: every target once, in
/// windows of max_length behind a first one whose length is drawn anew each epoch, so that the same
/// event is met now with a long history before it and now with a short one. A step of batch_users
/// takes all windows of its users; one of batch_positions takes windows in any order.
EpochPlan plan_epoch(std::span<const UserTargets> users, const Settings& settings,
                     std::size_t epoch);

}  // namespace tessera
