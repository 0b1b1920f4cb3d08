#pragma once
#include "data/dataset.h"

namespace tessera {

struct SimulationOptions {
  std::size_t users = 6000;
  std::size_t items = 1500;
  std::uint64_t seed = 1;
  std::size_t min_events = 5;
  double mean_events = 9.0;  ///< before rounding down, and before the cap at half the items or 200
};

/// A simulated shop, labelled as such. Items have readable titles; popularity has a long tail that
/// the text does not show; a next event follows from the user's taste, from likeness to the last
/// item, from links between items that no text tells, or from popularity alone. No user repeats an
/// item. Linear in users, items and events. Throws UsageError for options that make no shop.
Dataset simulate_shop(const SimulationOptions& options);

}  // namespace tessera
