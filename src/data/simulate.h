#pragma once
#include "data/dataset.h"

namespace tessera {

struct SimulationOptions {
  std::size_t users = 6000;
  std::size_t items = 3000;
  std::uint64_t seed = 1;
  std::size_t min_events = 5;
  double mean_events = 9.4;  ///< before rounding down, and before the cap at half the items or 200
  std::size_t days = 730;    ///< that the log spans
};

/// A simulated shop, labelled as such, with two years of purchases as users' histories. Items have
/// texts that say what they are and attributes (department, category, brand, colour, price,
/// arrived, in_stock); many appear while the shop is open and some vanish. Popularity has a long
/// tail that no text shows. Users have tastes (products, brands, colours, a level of prices), come
/// in visits, take steps from one product to the next, buy again what is used up, and follow
/// seasons. Linear in users, items and events. Throws UsageError for options that make no shop.
Dataset simulate_shop(const SimulationOptions& options);

/// Writes the shop as one would export it: events.csv (user,item,time,kind: each purchase of `data`
/// after the views that led to it, and views that led nowhere) and items.csv (id, title, text and
/// attributes). Throws Error rather than overwrite other files.
void write_shop_log(const fs::path& folder, const Dataset& data, std::uint64_t seed);

}  // namespace tessera
