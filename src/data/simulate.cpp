#include "data/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/random.h"
#include "data/shop_goods.h"

namespace tessera {
namespace {

constexpr std::int64_t kOpening = 1'640'995'200;  // 1 January 2022
constexpr std::int64_t kDay = 86'400;
constexpr std::size_t kSteps = 2;       // from one product to others
constexpr std::size_t kFavourites = 3;  // products of a user
constexpr std::size_t kLooks = 40;      // items that a user compares before choosing

/// Draws from a list with fixed weights, by its cumulative sums.
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

struct Good {
  std::size_t product, brand, material, colour;
  double price;
  double arrives, leaves;  // days since the opening
};

struct Shop {
  std::vector<Good> goods;
  std::vector<Shelf> by_product;
  Shelf all;
  std::array<std::array<std::size_t, kSteps>, kProducts> steps;
};

struct User {
  std::array<std::size_t, kFavourites> products;
  std::size_t brand, colour, material;
  double price_level;  // log of what the user pays beside the typical price
};

// Uniform over the open days for half of the goods; the others were there before.
Good make_good(const SimulationOptions& options, Random& random) {
  Good good{.product = random.below(kProducts),
            .brand = random.below(kBrands.size()),
            .material = random.below(kMaterials.size()),
            .colour = random.below(kColours.size()),
            .price = 0,
            .arrives = 0,
            .leaves = 1e9};
  const double days = static_cast<double>(options.days);
  good.price = std::round(kGoods[good.product].price * std::exp(0.45 * random.normal()) * 20) / 20;
  good.arrives = random.uniform() < 0.5 ? -0.6 * days * random.uniform() : days * random.uniform();
  if (random.uniform() < 0.4) {
    good.leaves = std::max(good.arrives, 0.0) + 60.0 + 0.7 * days * random.uniform();
  }
  return good;
}

CatalogueItem describe(const Good& good, std::size_t number, Random& random) {
  const Product& product = kGoods[good.product];
  const std::size_t use = random.below(product.uses.size());
  const std::string title =
      fmt::format("{} {} {} in {}, {}", kBrands[good.brand], kMaterials[good.material],
                  product.name, kColours[good.colour], product.uses[use]);
  return {fmt::format("S{:06}", number + 1), title,
          fmt::format("{};{:.2f};{};{} > {}", title, good.price, kBrands[good.brand],
                      product.department, product.name)};
}

Shop stock_shop(const SimulationOptions& options, Random& random) {
  Shop shop;
  shop.by_product.resize(kProducts);
  for (std::size_t product = 0; product < kProducts; ++product) {
    // One step within the department, where six products stand together, one to anywhere.
    shop.steps[product] = {product / 6 * 6 + random.below(6), random.below(kProducts)};
  }
  const std::vector<std::int32_t> ranks = random.permutation(options.items);
  for (std::size_t i = 0; i < options.items; ++i) {
    shop.goods.push_back(make_good(options, random));
    const double weight = std::pow(static_cast<double>(ranks[i]) + 12.0, -0.8);
    shop.all.add(static_cast<std::int32_t>(i), weight);
    shop.by_product[shop.goods.back().product].add(static_cast<std::int32_t>(i), weight);
  }
  return shop;
}

// Demand of the day, in (0, 1]: December and weekends are busy.
double demand(double day) {
  const double year = std::fmod(day, 365.0) / 365.0;
  const double december = std::exp(-std::pow((year - 0.95) / 0.03, 2));
  const bool weekend = static_cast<std::int64_t>(day) % 7 < 2;  // the shop opened on a Saturday
  return (0.35 + 0.4 * december) * (weekend ? 1.3 : 1.0);
}

// How well a product sells on this day, in [0.4, 1.6].
double season_of(const Product& product, double day) {
  if (product.season < 0) return 1.0;
  const double month = std::fmod(day, 365.0) / 365.0 * 12.0;
  return 1.0 + 0.6 * std::cos((month - product.season - 0.5) / 12.0 * 2.0 * std::numbers::pi);
}

// New goods are looked at most; what is old keeps a third of it.
double freshness(const Good& good, double day) {
  return 0.33 + std::exp(-(day - good.arrives) / 150.0);
}

double liking(const User& user, const Good& good, double day) {
  double utility = 0.0;
  if (good.brand == user.brand) utility += 1.6;
  if (good.colour == user.colour) utility += 0.8;
  if (good.material == user.material) utility += 0.8;
  utility -= std::abs(std::log(good.price / kGoods[good.product].price) - user.price_level);
  return std::exp(utility) * freshness(good, day) * season_of(kGoods[good.product], day);
}

/// One user's purchases.
class Customer {
 public:
  Customer(const Shop& shop, Random& random) : shop_(shop), random_(random) {
    for (std::size_t& product : user_.products) {
      product = shop.goods[static_cast<std::size_t>(shop.all.draw(random))].product;
    }
    user_.brand = random.below(kBrands.size());
    user_.colour = random.below(kColours.size());
    user_.material = random.below(kMaterials.size());
    user_.price_level = 0.4 * random.normal();
  }

  /// The next purchase on this day, after `bought`; `going_on`: in the same visit as the last.
  std::int32_t buy(std::span<const std::int32_t> bought, double day, bool going_on) {
    if (!bought.empty() && !going_on && random_.uniform() < 0.03) {
      const std::int32_t again = bought[random_.below(bought.size())];
      if (consumed(again) && on_sale(again, day)) return again;
    }
    const Shelf& shelf = choose_shelf(bought, going_on);
    for (const Shelf* from : {&shelf, &shop_.all}) {
      const std::int32_t item = from->items.empty() ? -1 : choose(*from, bought, day);
      if (item >= 0) return item;
    }
    return anything(bought, day);
  }

 private:
  const Good& good(std::int32_t item) const { return shop_.goods[static_cast<std::size_t>(item)]; }
  bool consumed(std::int32_t item) const { return kGoods[good(item).product].consumed; }
  bool on_sale(std::int32_t item, double day) const {
    return good(item).arrives <= day && day < good(item).leaves;
  }
  static bool holds(std::span<const std::int32_t> bought, std::int32_t item) {
    return std::ranges::find(bought, item) != bought.end();
  }

  const Shelf& choose_shelf(std::span<const std::int32_t> bought, bool going_on) {
    const double choice = random_.uniform();
    if (!bought.empty()) {
      const std::size_t last = good(bought.back()).product;
      const double stays = going_on ? 0.25 : 0.10;
      if (choice < stays) return shop_.by_product[last];
      if (choice < stays + 0.25) return shop_.by_product[shop_.steps[last][random_.below(kSteps)]];
    }
    if (choice < 0.80) return shop_.by_product[user_.products[random_.below(kFavourites)]];
    return shop_.all;
  }

  // Of some items that the shelf shows the one liked, with chance by liking; -1: none can be
  // bought.
  std::int32_t choose(const Shelf& shelf, std::span<const std::int32_t> bought, double day) {
    std::array<double, kLooks> chances{};
    std::array<std::int32_t, kLooks> items{};
    double sum = 0.0;
    for (std::size_t look = 0; look < kLooks; ++look) {
      items[look] = shelf.draw(random_);
      if (on_sale(items[look], day) && !holds(bought, items[look])) {
        sum += liking(user_, good(items[look]), day);
      }
      chances[look] = sum;
    }
    if (sum <= 0.0) return -1;
    const double point = random_.uniform() * sum;
    return items[static_cast<std::size_t>(std::ranges::upper_bound(chances, point) -
                                          chances.begin())];
  }

  // In a shop so small that nothing liked is left.
  std::int32_t anything(std::span<const std::int32_t> bought, double day) {
    const std::size_t n = shop_.goods.size();
    const std::size_t from = random_.below(n);
    std::int32_t other = -1;
    for (std::size_t i = 0; i < n; ++i) {
      const auto item = static_cast<std::int32_t>((from + i) % n);
      if (holds(bought, item)) continue;
      if (on_sale(item, day)) return item;
      if (other < 0) other = item;
    }
    return other;
  }

  const Shop& shop_;
  Random& random_;
  User user_{};
};

// Days of a user's purchases, ascending, and which follow within a visit.
std::vector<std::pair<double, bool>> visits(const SimulationOptions& options, std::size_t purchases,
                                            Random& random) {
  const double days = static_cast<double>(options.days);
  // The shop grows: later days have more newcomers.
  double day = days * 0.98 * std::sqrt(random.uniform());
  // Days that go by without a visit count as well.
  const double gap = 0.35 * std::min(60.0, (days - day) / static_cast<double>(purchases));
  std::vector<std::pair<double, bool>> made;
  while (made.size() < purchases) {
    const bool going_on = !made.empty() && random.uniform() < 0.5;
    if (going_on) {
      day += 0.02 * random.uniform();
    } else {
      do day += -gap * std::log(1.0 - random.uniform());
      while (day < days && random.uniform() > demand(day));
    }
    made.emplace_back(std::min(day, days - 1e-4), going_on);
  }
  std::ranges::sort(made);
  return made;
}

std::size_t purchases_of(const SimulationOptions& options, std::size_t most, Random& random) {
  constexpr double kSpread = 1.28;
  const double extra = options.mean_events - static_cast<double>(options.min_events);
  const double drawn = static_cast<double>(options.min_events) +
                       extra * std::exp(kSpread * random.normal() - kSpread * kSpread / 2);
  return static_cast<std::size_t>(std::min(drawn, static_cast<double>(most)));
}

void set_attributes(Dataset& data, const SimulationOptions& options, const Shop& shop) {
  data.attributes = AttributeTable({{"department", AttributeType::labels},
                                    {"category", AttributeType::labels},
                                    {"brand", AttributeType::labels},
                                    {"colour", AttributeType::labels},
                                    {"price", AttributeType::number},
                                    {"arrived", AttributeType::time},
                                    {"in_stock", AttributeType::boolean}});
  const auto label = [](const char* word) { return std::vector<std::string>{word}; };
  for (std::size_t i = 0; i < shop.goods.size(); ++i) {
    const Good& good = shop.goods[i];
    const Product& product = kGoods[good.product];
    const auto item = static_cast<std::int32_t>(i);
    data.attributes.set(0, item, label(product.department));
    data.attributes.set(1, item, label(product.name));
    data.attributes.set(2, item, label(kBrands[good.brand]));
    data.attributes.set(3, item, label(kColours[good.colour]));
    data.attributes.set(4, item, good.price);
    data.attributes.set(
        5, item,
        static_cast<double>(kOpening) + std::floor(good.arrives) * static_cast<double>(kDay));
    data.attributes.set(6, item, good.leaves >= static_cast<double>(options.days));
  }
}

void check(const SimulationOptions& options, std::size_t most) {
  if (options.items < 20 || options.users < 1) {
    fail_usage("a simulated shop needs at least 20 items and 1 user, not {} and {}", options.items,
               options.users);
  }
  if (options.min_events < 1 || options.min_events > most) {
    fail_usage("a user of a simulated shop of {} items has 1 to {} events, not at least {} events",
               options.items, most, options.min_events);
  }
  if (!(options.mean_events >= static_cast<double>(options.min_events))) {
    fail_usage("the mean number of events must be at least the smallest, {}, not {}",
               options.min_events, options.mean_events);
  }
  if (options.days < 1 || options.days > 36'500) {
    fail_usage("a simulated shop is open for 1 to 36500 days, not {}", options.days);
  }
}

}  // namespace

Dataset simulate_shop(const SimulationOptions& options) {
  const std::size_t most = std::min<std::size_t>(200, options.items / 2);
  check(options, most);
  Random random(options.seed, {0x5109});
  const Shop shop = stock_shop(options, random);
  Dataset data;
  data.name = "simulated-shop";
  data.simulated = true;
  for (std::size_t i = 0; i < options.items; ++i) {
    data.items.push_back(describe(shop.goods[i], i, random));
  }
  set_attributes(data, options, shop);
  for (std::size_t u = 0; u < options.users; ++u) {
    data.user_ids.push_back(fmt::format("U{:06}", u + 1));
    Customer customer(shop, random);
    const std::size_t first = data.events.size();
    const std::size_t purchases = purchases_of(options, most, random);
    for (const auto& [day, going_on] : visits(options, purchases, random)) {
      const auto bought = std::span<const std::int32_t>(data.events).subspan(first);
      const std::int32_t item = customer.buy(bought, day, going_on);
      data.events.push_back(item);
      data.times.push_back(kOpening + static_cast<std::int64_t>(day * static_cast<double>(kDay)));
    }
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  return data;
}

}  // namespace tessera
