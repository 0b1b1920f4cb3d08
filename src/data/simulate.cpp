#include "data/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace tessera {
namespace {

struct Department {
  const char* name;
  std::array<const char*, 6> products;
};

constexpr std::array<Department, 8> kDepartments = {{
    {"Kitchen", {"frying pan", "chef's knife", "teapot", "storage jar", "mixing bowl", "whisk"}},
    {"Garden", {"watering can", "pruning shears", "plant pot", "seed tray", "hand trowel", "hose"}},
    {"Office", {"desk lamp", "notebook", "pen holder", "paper tray", "footrest", "wall calendar"}},
    {"Sports", {"yoga mat", "water bottle", "skipping rope", "gym bag", "foam roller", "towel"}},
    {"Bath", {"hand cream", "bath salts", "shower gel", "body brush", "soap dish", "face mask"}},
    {"Music", {"guitar strap", "music stand", "drum sticks", "tuner", "cable", "metronome"}},
    {"Travel", {"backpack", "neck pillow", "packing cube", "luggage tag", "adapter", "rain cover"}},
    {"Crafts", {"wool yarn", "knitting needles", "paint set", "brush set", "glue gun", "canvas"}},
}};
constexpr std::array kMaterials = {"walnut", "steel", "cotton",  "bamboo", "ceramic",
                                   "brass",  "glass", "leather", "linen",  "recycled"};
constexpr std::array kColours = {"black", "sand", "sky blue", "forest green", "red",
                                 "white", "grey", "mustard",  "rose",         "navy"};
constexpr std::array kBrands = {"Alder & Finch", "Norrvik", "Casa Lume", "Pine Row", "Kestrel",
                                "Oat House",     "Maren",   "Tidewater", "Fable",    "Juniper Co"};
constexpr std::size_t kProducts = kDepartments.size() * kDepartments[0].products.size();
constexpr std::size_t kLinks = 3;

/// Draws from a list with weights 1/(rank + 3) by its cumulative sums.
struct Shelf {
  std::vector<std::int32_t> items;
  std::vector<double> cumulative;

  void add(std::int32_t item, double weight) {
    items.push_back(item);
    cumulative.push_back((cumulative.empty() ? 0.0 : cumulative.back()) + weight);
  }
  std::int32_t draw(Random& random) const {
    const double point = random.uniform() * cumulative.back();
    const auto at = std::ranges::upper_bound(cumulative, point) - cumulative.begin();
    return items[std::min(static_cast<std::size_t>(at), items.size() - 1)];
  }
};

struct Shop {
  std::vector<CatalogueItem> items;
  std::vector<std::uint32_t> product;                      // of each item
  std::vector<std::uint32_t> brand;                        // of each item
  std::vector<std::array<std::int32_t, kLinks>> together;  // bought together, whatever the text
  std::vector<Shelf> by_product, by_brand;
  Shelf all;
};

Shop stock_shop(const SimulationOptions& options, Random& random) {
  Shop shop;
  const std::size_t n = options.items;
  shop.by_product.resize(kProducts);
  shop.by_brand.resize(kBrands.size() * kDepartments.size());
  shop.together.resize(n);
  const std::vector<std::int32_t> ranks = random.permutation(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t product = random.below(kProducts);
    const Department& department = kDepartments[product / 6];
    const std::size_t brand = random.below(kBrands.size());
    const char* name = department.products[product % 6];
    const std::string title =
        fmt::format("{} {} in {} no. {}", kMaterials[random.below(kMaterials.size())], name,
                    kColours[random.below(kColours.size())], 100 + random.below(900));
    shop.items.push_back(
        {fmt::format("S{:06}", i + 1), title,
         fmt::format("{};{};{} > {}", title, kBrands[brand], department.name, name)});
    shop.product.push_back(static_cast<std::uint32_t>(product));
    shop.brand.push_back(static_cast<std::uint32_t>(brand * kDepartments.size() + product / 6));
    const double weight = std::pow(static_cast<double>(ranks[i]) + 3.0, -0.8);
    const auto item = static_cast<std::int32_t>(i);
    shop.all.add(item, weight);
    shop.by_product[product].add(item, weight);
    shop.by_brand[shop.brand.back()].add(item, weight);
    for (std::int32_t& other : shop.together[i]) {
      other = static_cast<std::int32_t>(random.below(n));
    }
  }
  return shop;
}

std::int32_t next_item(const Shop& shop, std::int32_t last, std::size_t taste_brand,
                       std::size_t taste_product, Random& random) {
  const double choice = random.uniform();
  const auto from = static_cast<std::size_t>(last);
  const Shelf* shelf = &shop.all;
  if (choice < 0.30) return shop.together[from][random.below(kLinks)];
  if (choice < 0.50) shelf = &shop.by_product[shop.product[from]];
  if (choice >= 0.50 && choice < 0.65) shelf = &shop.by_brand[taste_brand];
  if (choice >= 0.65 && choice < 0.80) shelf = &shop.by_product[taste_product];
  return shelf->items.empty() ? shop.all.draw(random) : shelf->draw(random);
}

}  // namespace

Dataset simulate_shop(const SimulationOptions& options) {
  if (options.items < 20 || options.users < 1) {
    fail_usage("a simulated shop needs at least 20 items and 1 user, not {} and {}", options.items,
               options.users);
  }
  const std::size_t most = std::min<std::size_t>(200, options.items / 2);
  if (options.min_events < 1 || options.min_events > most) {
    fail_usage("a user of a simulated shop of {} items has 1 to {} events, not at least {} events",
               options.items, most, options.min_events);
  }
  if (!(options.mean_events >= static_cast<double>(options.min_events))) {
    fail_usage("the mean number of events must be at least the smallest, {}, not {}",
               options.min_events, options.mean_events);
  }
  Random random(options.seed, {0x5109});
  Shop shop = stock_shop(options, random);
  Dataset data;
  data.name = "simulated-shop";
  data.simulated = true;
  constexpr std::int64_t kStart = 1'700'000'000;
  constexpr std::int64_t kDay = 86'400;
  const double extra = options.mean_events - static_cast<double>(options.min_events);
  for (std::size_t u = 0; u < options.users; ++u) {
    data.user_ids.push_back(fmt::format("U{:06}", u + 1));
    const double drawn =
        static_cast<double>(options.min_events) - extra * std::log(1.0 - random.uniform());
    const auto length = static_cast<std::size_t>(std::min(drawn, static_cast<double>(most)));
    const std::size_t taste_brand = random.below(shop.by_brand.size());
    const std::size_t taste_product = random.below(kProducts);
    const std::size_t first = data.events.size();
    std::int64_t time = kStart + static_cast<std::int64_t>(random.below(500)) * kDay;
    while (data.events.size() - first < length) {
      const bool opening = data.events.size() == first;
      std::int32_t item =
          opening ? shop.all.draw(random)
                  : next_item(shop, data.events.back(), taste_brand, taste_product, random);
      const auto seen = std::span(data.events).subspan(first);
      while (std::ranges::find(seen, item) != seen.end()) {
        item = static_cast<std::int32_t>(random.below(options.items));
      }
      time += static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(20 * kDay)));
      data.events.push_back(item);
      data.times.push_back(time);
    }
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  data.items = std::move(shop.items);
  return data;
}

}  // namespace tessera
