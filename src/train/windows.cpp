#include "train/windows.h"

#include <algorithm>

#include "base/random.h"

namespace tessera {
namespace {

// Purposes of random streams, beside those of a step.
enum Purpose : std::uint64_t { kOrder = 1, kCuts = 6 };

std::int32_t longest_window(const Settings& settings) {
  return static_cast<std::int32_t>(std::min<std::size_t>(settings.max_length, INT32_MAX));
}

std::size_t learned(const UserTargets& of, const Settings& settings) {
  const std::int32_t targets = settings.windows == Windows::all
                                   ? of.targets
                                   : std::min(of.targets, longest_window(settings));
  return static_cast<std::size_t>(targets);
}

void cut(const UserTargets& of, const Settings& settings, std::size_t epoch,
         std::vector<Window>& windows) {
  const std::int32_t longest = longest_window(settings);
  if (of.targets <= longest) {
    windows.push_back({of.user, 1, of.targets});
  } else if (settings.windows == Windows::last) {
    windows.push_back({of.user, 1 + of.targets - longest, longest});
  } else {
    Random random(settings.seed, {kCuts, epoch, static_cast<std::uint64_t>(of.user)});
    std::int32_t first = 1;
    auto length = static_cast<std::int32_t>(1 + random.below(static_cast<std::uint64_t>(longest)));
    while (first <= of.targets) {
      windows.push_back({of.user, first, length});
      first += length;
      length = std::min(longest, of.targets + 1 - first);
    }
  }
}

// Steps by the positions in them. A step then has a window at least: none is longer than the mean.
std::size_t steps_by_positions(std::span<const UserTargets> users, const Settings& settings) {
  if (settings.batch_positions == 0) return 0;
  std::size_t longest = 1;
  for (const UserTargets& of : users) {
    longest = std::max(longest, std::min(learned(of, settings), settings.max_length));
  }
  return std::max<std::size_t>(
      1, learned_targets(users, settings) / std::max(settings.batch_positions, longest));
}

std::size_t steps_by_users(std::span<const UserTargets> users, const Settings& settings) {
  if (settings.batch_users == 0) return 0;
  return (users.size() + settings.batch_users - 1) / settings.batch_users;
}

void plan_by_users(std::span<const UserTargets> order, const Settings& settings, std::size_t epoch,
                   EpochPlan& plan) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    cut(order[i], settings, epoch, plan.windows);
    const bool full = (i + 1) % settings.batch_users == 0;
    if (full || i + 1 == order.size()) plan.steps.push_back(plan.windows.size());
  }
}

void share_out_by_positions(std::size_t steps, std::size_t positions, EpochPlan& plan) {
  std::size_t before = 0;  // positions of the windows so far
  for (std::size_t i = 0; i < plan.windows.size(); ++i) {
    // Positions of all steps so far: plan.size() of `steps` shares.
    while (plan.size() + 1 < steps && before * steps >= (plan.size() + 1) * positions) {
      plan.steps.push_back(i);
    }
    before += static_cast<std::size_t>(plan.windows[i].targets);
  }
  plan.steps.push_back(plan.windows.size());
}

}  // namespace

std::size_t learned_targets(std::span<const UserTargets> users, const Settings& settings) {
  std::size_t count = 0;
  for (const UserTargets& of : users) count += learned(of, settings);
  return count;
}

std::size_t steps_of_epoch(std::span<const UserTargets> users, const Settings& settings) {
  return std::max(steps_by_users(users, settings), steps_by_positions(users, settings));
}

EpochPlan plan_epoch(std::span<const UserTargets> users, const Settings& settings,
                     std::size_t epoch) {
  EpochPlan plan;
  Random random(settings.seed, {kOrder, epoch});
  const std::size_t steps = steps_of_epoch(users, settings);
  if (steps == steps_by_users(users, settings)) {
    std::vector<UserTargets> order(users.begin(), users.end());
    random.shuffle(std::span(order));
    plan_by_users(order, settings, epoch, plan);
  } else {
    for (const UserTargets& of : users) cut(of, settings, epoch, plan.windows);
    random.shuffle(std::span(plan.windows));
    share_out_by_positions(steps, learned_targets(users, settings), plan);
  }
  return plan;
}

}  // namespace tessera
