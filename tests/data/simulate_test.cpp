#include "data/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <sstream>

#include "base/files.h"
#include "data/shop_goods.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

std::vector<std::string> texts_of(const Dataset& data) {
  std::vector<std::string> texts;
  for (const CatalogueItem& item : data.items) texts.push_back(item.text);
  return texts;
}

std::vector<std::size_t> counts_of(const Dataset& data) {
  std::vector<std::size_t> counts(data.items.size());
  for (const std::int32_t item : data.events) ++counts[static_cast<std::size_t>(item)];
  return counts;
}

std::span<const std::int64_t> times_of(const Dataset& data, std::size_t user) {
  return std::span(data.times)
      .subspan(static_cast<std::size_t>(data.offsets[user]), data.history(user).size());
}

TEST(SimulateShop, IsLabelledAndOfTheSizeAskedFor) {
  const Dataset data = simulate_shop({.users = 50, .items = 80});
  EXPECT_TRUE(data.simulated);
  EXPECT_EQ(data.name, "simulated-shop");
  EXPECT_EQ(data.users(), 50U);
  EXPECT_EQ(data.items.size(), 80U);
  EXPECT_EQ(data.times.size(), data.events.size());
  std::set<std::string> ids;
  for (const CatalogueItem& item : data.items) {
    ids.insert(item.id);
    EXPECT_FALSE(item.title.empty());
    EXPECT_TRUE(item.text.starts_with(item.title + ";"));
  }
  EXPECT_EQ(ids.size(), 80U);
}

TEST(SimulateShop, DependsOnTheSeedAlone) {
  const SimulationOptions options{.users = 60, .items = 100, .seed = 4};
  const Dataset first = simulate_shop(options);
  const Dataset again = simulate_shop(options);
  EXPECT_EQ(fingerprint(first), fingerprint(again));
  EXPECT_EQ(first.times, again.times);
  EXPECT_EQ(texts_of(first), texts_of(again));
  const Dataset other = simulate_shop({.users = 60, .items = 100, .seed = 5});
  EXPECT_NE(first.events, other.events);
  EXPECT_NE(texts_of(first), texts_of(other));
}

TEST(SimulateShop, GivesEachUserEnoughEventsInTimeOrder) {
  for (const std::size_t items : {20, 300}) {
    const Dataset data = simulate_shop({.users = 400, .items = items});
    for (std::size_t u = 0; u < data.users(); ++u) {
      EXPECT_GE(data.history(u).size(), 5U);
      EXPECT_TRUE(std::ranges::is_sorted(times_of(data, u)));
    }
  }
}

TEST(SimulateShop, SellsAgainOnlyWhatIsUsedUp) {
  const Dataset data = simulate_shop({.users = 2'000, .items = 500});
  const std::size_t category = data.attributes.number_of("category");
  std::set<std::string> consumed;
  for (const Product& product : kGoods) {
    if (product.consumed) consumed.insert(product.name);
  }
  std::size_t repeats = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    std::set<std::int32_t> bought;
    for (const std::int32_t item : data.history(u)) {
      if (bought.insert(item).second) continue;
      ++repeats;
      const AttributeValue of_item = data.attributes.value(category, item);
      EXPECT_TRUE(consumed.contains(std::get<std::vector<std::string>>(of_item).front()));
    }
  }
  EXPECT_GT(repeats, 20U);
}

TEST(SimulateShop, SellsNothingBeforeItArrives) {
  const Dataset data = simulate_shop({.users = 1'000, .items = 1'000});
  const std::size_t arrived = data.attributes.number_of("arrived");
  const auto opened = static_cast<double>(*std::ranges::min_element(data.times));
  std::set<std::int32_t> late;
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    const double since = std::get<double>(data.attributes.value(arrived, data.events[e]));
    ASSERT_LE(since, static_cast<double>(data.times[e]));
    if (since > opened) late.insert(data.events[e]);
  }
  EXPECT_GT(late.size(), 200U);  // about half appear while the shop is open
}

TEST(SimulateShop, HasTheMeanLengthAskedFor) {
  const Dataset data = simulate_shop({.users = 4'000, .items = 500, .mean_events = 12.0});
  const double mean = static_cast<double>(data.events.size()) / 4'000.0;
  EXPECT_NEAR(mean, 11.5, 0.6);  // lengths are rounded down
}

TEST(SimulateShop, HasALongTailThatNumbersDoNotShow) {
  const Dataset data = simulate_shop({.users = 3'000, .items = 600});
  std::vector<std::size_t> counts = counts_of(data);
  double mean_number = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    mean_number += static_cast<double>(i * counts[i]) / static_cast<double>(data.events.size());
  }
  EXPECT_NEAR(mean_number, 299.5, 60.0);
  std::ranges::sort(counts, std::greater());
  const auto head = std::accumulate(counts.begin(), counts.begin() + 60, std::size_t{0});
  EXPECT_GT(static_cast<double>(head), 0.2 * static_cast<double>(data.events.size()));
}

TEST(SimulateShop, RefusesOptionsThatMakeNoShop) {
  const auto expect_refused = [](const SimulationOptions& options, std::string_view part) {
    expect_error<UsageError>([&] { simulate_shop(options); }, {part});
  };
  expect_refused({.users = 0}, "1 user");
  expect_refused({.items = 19}, "20 items");
  expect_refused({.items = 20, .min_events = 11}, "11 events");
  expect_refused({.min_events = 201}, "201 events");
  expect_refused({.min_events = 0}, "0 events");
  expect_refused({.min_events = 9, .mean_events = 8.5}, "8.5");
  expect_refused({.days = 0}, "days");
  expect_refused({.mean_events = std::numeric_limits<double>::quiet_NaN()}, "mean");
}

std::vector<std::vector<std::string>> rows_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

TEST(ShopLog, HasEachPurchaseAfterAViewOfIt) {
  const testing::TempDirectory directory;
  const Dataset data = simulate_shop({.users = 200, .items = 100});
  write_shop_log(directory.path(), data, 1);
  write_shop_log(directory.path(), data, 1);  // its own files may be written again
  const auto rows = rows_of(directory.path() / "events.csv");
  ASSERT_EQ(rows.front(), (std::vector<std::string>{"user", "item", "time", "kind"}));
  std::set<std::pair<std::string, std::string>> viewed;
  std::size_t purchases = 0;
  for (const auto& row : std::span(rows).subspan(1)) {
    if (row[3] == "view") viewed.emplace(row[0], row[1]);
    if (row[3] != "purchase") continue;
    ++purchases;
    EXPECT_TRUE(viewed.contains({row[0], row[1]}));
  }
  EXPECT_EQ(purchases, data.events.size());
  EXPECT_GT(rows.size(), 2 * purchases);
  EXPECT_EQ(rows_of(directory.path() / "items.csv").size(), 101U);
}

TEST(ShopLog, OverwritesNobodysFile) {
  const testing::TempDirectory directory;
  write_file(directory.path() / "events.csv", std::string_view("mine\n"));
  const Dataset data = simulate_shop({.users = 20, .items = 20});
  expect_error<Error>([&] { write_shop_log(directory.path(), data, 1); }, {"events.csv"});
}

}  // namespace
}  // namespace tessera
