#pragma once
#include <nlohmann/json.hpp>

#include "eval/baselines.h"

namespace tessera {

/// An option of a baseline with the values worth trying, the customary one first. Infinity is "no
/// limit".
struct Axis {
  std::string name;
  std::vector<double> values;
};

/// A setting that was tried, a value for each axis, and what it reached on validation.
struct Trial {
  std::vector<double> setting;
  Metrics validation;
};

/// Measures at most `budget` settings, at least one: the first values first, then one axis after
/// the other through its values from the best setting so far, round after round, until a round
/// has nothing left to try. In the order tried. `goal` is what to raise, a metric's name.
std::vector<Trial> search(std::span<const Axis> axes, std::size_t budget, const std::string& goal,
                          const std::function<Metrics(std::span<const double>)>& measure);
/// The best of the trials, the first of equals.
const Trial& best_of(std::span<const Trial> trials, const std::string& goal);

/// A baseline by its options: what can be searched, and the scorer of a setting.
struct BaselineFamily {
  const char* name;
  std::vector<Axis> axes;
  Scorer (*make)(const Dataset& data, std::span<const double> setting);
};
/// "item-kNN" and "sequential rules"; popularity has nothing to choose.
std::vector<BaselineFamily> baseline_families();

/// {option: value}, "all" for no limit.
nlohmann::json setting_json(std::span<const Axis> axes, std::span<const double> setting);

}  // namespace tessera
