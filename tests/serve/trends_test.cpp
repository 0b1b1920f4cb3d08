#include "serve/trends.h"

#include <gtest/gtest.h>

#include <thread>

namespace tessera {
namespace {

using Ids = std::vector<std::string>;
using std::chrono::seconds;

seconds half_lives(double count) {
  return seconds(static_cast<std::int64_t>(count * kTrendHalfLife));
}

TEST(Trends, WhatWasTouchedLatelyCountsMore) {
  Trends trends;
  const auto now = Trends::Clock::now();
  trends.note(Ids{"old", "old", "old"}, now);
  EXPECT_EQ(trends.top(now), Ids{"old"});
  trends.note(Ids{"new", "new"}, now + half_lives(0.5));  // three count as 2.1 by now
  EXPECT_EQ(trends.top(now + half_lives(0.5)), (Ids{"old", "new"}));
  trends.note(Ids{"new", "old"}, now + half_lives(2));
  EXPECT_EQ(trends.top(now + half_lives(2)), (Ids{"old", "new"}));
  trends.note(Ids{"new"}, now + half_lives(2));
  EXPECT_EQ(trends.top(now + half_lives(2) + seconds(2)), (Ids{"new", "old"}));
}

TEST(Trends, WhatTrainingSawCountsAsIfItHadBeenNoted) {
  const auto now = Trends::Clock::now();
  const auto touched = [&](double days) {
    const std::chrono::duration<double> since = now.time_since_epoch();
    return since.count() + days * kTrendHalfLife;
  };
  Trends trends;
  trends.note(Ids{"before"}, now);
  // Four events a day ago count as one at a time a day from now.
  trends.restart(
      std::vector<std::pair<std::string, double>>{{"four", touched(1)}, {"old", touched(-300)}});
  EXPECT_EQ(trends.top(now), (Ids{"four", "old"}));
  trends.note(Ids{"three", "three", "three"}, now);
  EXPECT_EQ(trends.top(now + seconds(2)), (Ids{"three", "four", "old"}));
  trends.note(Ids{"four", "four"}, now);
  EXPECT_EQ(trends.top(now + seconds(4)), (Ids{"four", "three", "old"}));
}

TEST(Trends, OrderOutlastsAnyTime) {
  Trends trends;
  const auto now = Trends::Clock::now();
  trends.note(Ids{"a"}, now);
  trends.note(Ids{"b"}, now + half_lives(400));
  trends.note(Ids{"c"}, now + half_lives(700));
  EXPECT_EQ(trends.top(now + half_lives(700)), (Ids{"c", "b", "a"}));
}

TEST(Trends, ForgetsTheLeastTouchedBeyondItsLimit) {
  Trends trends;
  const auto now = Trends::Clock::now();
  trends.note(Ids(10, "often"), now);
  for (std::size_t i = 0; i < Trends::kMostItems + 10; ++i) {
    trends.note(Ids{std::to_string(i)}, now);
  }
  const Ids top = trends.top(now);
  EXPECT_LT(top.size(), 20U);
  EXPECT_EQ(top.front(), "often");
}

TEST(Trends, ManyMayNoteAtOnce) {
  Trends trends;
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) trends.note(Ids{std::to_string(i % 10)});
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_LE(trends.top().size(), 10U);
  writers.clear();
  EXPECT_EQ(trends.top(Trends::Clock::now() + seconds(2)).size(), 10U);
}

}  // namespace
}  // namespace tessera
