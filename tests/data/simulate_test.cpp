#include "data/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "testing/errors.h"

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

TEST(SimulateShop, GivesEachUserEnoughDistinctEventsInTimeOrder) {
  for (const std::size_t items : {20, 300}) {
    const Dataset data = simulate_shop({.users = 400, .items = items});
    for (std::size_t u = 0; u < data.users(); ++u) {
      const auto history = data.history(u);
      EXPECT_GE(history.size(), 5U);
      EXPECT_EQ(std::set<std::int32_t>(history.begin(), history.end()).size(), history.size());
      const auto times =
          std::span(data.times).subspan(static_cast<std::size_t>(data.offsets[u]), history.size());
      EXPECT_TRUE(std::ranges::is_sorted(times));
    }
  }
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
  expect_refused({.mean_events = std::numeric_limits<double>::quiet_NaN()}, "mean");
}

}  // namespace
}  // namespace tessera
