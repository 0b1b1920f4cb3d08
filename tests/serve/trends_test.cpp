#include "serve/trends.h"

#include <gtest/gtest.h>

#include <thread>

namespace tessera {
namespace {

using Ids = std::vector<std::string>;
using std::chrono::hours;
using std::chrono::seconds;

TEST(Trends, WhatWasTouchedLatelyCountsMore) {
  Trends trends;
  const auto now = Trends::Clock::now();
  trends.note(Ids{"old", "old", "old"}, now);
  EXPECT_EQ(trends.top(now), Ids{"old"});
  trends.note(Ids{"new", "new"}, now + hours(12));  // three count as 2.1 by now
  EXPECT_EQ(trends.top(now + hours(12)), (Ids{"old", "new"}));
  trends.note(Ids{"new", "old"}, now + hours(48));
  EXPECT_EQ(trends.top(now + hours(48)), (Ids{"old", "new"}));
  trends.note(Ids{"new"}, now + hours(48));
  EXPECT_EQ(trends.top(now + hours(48) + seconds(2)), (Ids{"new", "old"}));
}

TEST(Trends, OrderOutlastsAnyTime) {
  Trends trends;
  const auto now = Trends::Clock::now();
  trends.note(Ids{"a"}, now);
  trends.note(Ids{"b"}, now + hours(24 * 400));
  trends.note(Ids{"c"}, now + hours(24 * 700));
  EXPECT_EQ(trends.top(now + hours(24 * 700)), (Ids{"c", "b", "a"}));
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
