#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/random.h"
#include "data/preparing.h"

namespace tessera {
namespace {

using testing::lines_of;

class Filters : public testing::PrepareTest {};

TEST_F(Filters, SortByTimeAndKeepTheFilesOrderForEqualTimes) {
  PrepareOptions options = csv("b,x,5\na,p,30\na,q,10\na,r,30\nb,y,5\na,s,10\n");
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"b: x y", "a: q s p r"}));
  EXPECT_EQ(report.users_out_of_order, 1U);
  options.order_by_time = false;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"b: x y", "a: p q r s"}));
}

TEST_F(Filters, LeaveAnEventWithoutATimeBehindTheOneBefore) {
  const Dataset data = prepared(csv("a,p,30\na,q,\na,r,10\na,s,-1\na,t,20\n"));
  EXPECT_EQ(lines_of(data), (Lines{"a: r s t p q"}));
  EXPECT_EQ(data.times, (std::vector<std::int64_t>{10, -1, 20, 30, -1}));
  EXPECT_EQ(report.unknown_times, 2U);
}

TEST_F(Filters, OrderByMillisecondsWithinASecond) {
  const Dataset data = prepared(csv("a,p,1400000000900\na,q,1400000000100\na,r,1400000000500\n"));
  EXPECT_EQ(lines_of(data), (Lines{"a: q r p"}));
  EXPECT_EQ(data.times, std::vector<std::int64_t>(3, 1'400'000'000));
}

TEST_F(Filters, DropLowRatingsAndThoseWithoutOne) {
  PrepareOptions options = csv("a,p,1,4\na,q,2,3.5\na,r,3,\nb,p,1,5\n", ",rating");
  options.fields.min_rating = 4;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: p", "b: p"}));
  EXPECT_EQ(dropped("rated"), 2U);
  EXPECT_EQ(report.events_read, 4U);
}

TEST_F(Filters, TakeTypesOfEventsByTheirWeights) {
  PrepareOptions options = csv(
      "a,p,1,view\na,q,2,purchase\na,p,3,view\na,r,4,view\na,s,5,scroll\nb,q,1,view\nb,q,2,cart\n",
      ",event");
  options.fields.weights = {{"view", 1}, {"cart", 2}, {"purchase", 3}};
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: p q p r", "b: q q"}));
  EXPECT_EQ(dropped("type"), 1U);
  options.min_weight = 2;  // r was seen once
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: p q p", "b: q q"}));
  options.min_weight = 3;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: q", "b: q q"}));
  EXPECT_EQ(dropped("weights"), 3U);
}

TEST_F(Filters, WeightsStayWithTheirEvents) {
  PrepareOptions options = csv("a,p,3,view\na,q,1,cart\nb,q,2,purchase\na,r,2,view\n", ",event");
  options.fields.weights = {{"view", 1}, {"cart", 2}, {"purchase", 3}};
  Dataset data = prepared(options);
  EXPECT_EQ(lines_of(data), (Lines{"a: q r p", "b: q"}));
  EXPECT_EQ(data.weights, (std::vector<float>{2, 1, 1, 3}));
  EXPECT_EQ(summarise(data, report).at("event_weights").dump(), R"({"max":3.0,"min":1.0})");
  options.fields.weights = {{"view", 2}, {"cart", 2}, {"purchase", 2}};
  EXPECT_TRUE(prepared(options).weights.empty()) << "nothing differs";
}

TEST_F(Filters, WhatStaysOfDuplicatesCountsAsTheHeaviest) {
  PrepareOptions options = csv("a,p,1,view\na,p,1,purchase\na,q,2,cart\na,p,3,view\n", ",event");
  options.fields.weights = {{"view", 1}, {"cart", 2}, {"purchase", 3}};
  const auto with = [&](Duplicates policy) {
    options.duplicates = policy;
    return prepared(options).weights;
  };
  EXPECT_EQ(with(Duplicates::keep), (std::vector<float>{1, 3, 2, 1}));
  EXPECT_EQ(with(Duplicates::exact), (std::vector<float>{3, 2, 1}));
  EXPECT_EQ(with(Duplicates::consecutive), (std::vector<float>{3, 2, 1}));
  EXPECT_EQ(with(Duplicates::first), (std::vector<float>{3, 2}));
  EXPECT_EQ(with(Duplicates::last), (std::vector<float>{2, 3}));
}

TEST_F(Filters, TreatDuplicatesAsAsked) {
  PrepareOptions options = csv("a,p,1\na,p,1\na,q,2\na,p,3\na,p,4\na,q,4\nb,q,\nb,q,\n");
  const auto with = [&](Duplicates policy) {
    options.duplicates = policy;
    return lines_of(prepared(options));
  };
  EXPECT_EQ(with(Duplicates::keep), (Lines{"a: p p q p p q", "b: q q"}));
  EXPECT_EQ(with(Duplicates::exact), (Lines{"a: p q p p q", "b: q q"}));
  EXPECT_EQ(with(Duplicates::consecutive), (Lines{"a: p q p q", "b: q"}));
  EXPECT_EQ(with(Duplicates::first), (Lines{"a: p q", "b: q"}));
  EXPECT_EQ(with(Duplicates::last), (Lines{"a: p q", "b: q"}));
  EXPECT_EQ(dropped("duplicates"), 5U);
}

TEST_F(Filters, KeepsTheLastOfDuplicatesInTheirPlace) {
  PrepareOptions options = csv("a,p,1\na,q,2\na,p,3\n");
  options.duplicates = Duplicates::last;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: q p"}));
  options.duplicates = Duplicates::first;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: p q"}));
}

// By the definition: remove one user or item that has too few, until there is none.
std::set<std::pair<int, int>> plain_core(std::set<std::pair<int, int>> events, std::size_t k) {
  for (bool again = true; again;) {
    again = false;
    std::map<int, std::size_t> users;
    std::map<int, std::size_t> items;
    for (const auto& [user, item] : events) {
      ++users[user];
      ++items[item];
    }
    for (const auto& [user, count] : users) {
      if (count < k && !again) {
        again = std::erase_if(events, [u = user](const auto& e) { return e.first == u; }) > 0;
      }
    }
    for (const auto& [item, count] : items) {
      if (count < k && !again) {
        again = std::erase_if(events, [i = item](const auto& e) { return e.second == i; }) > 0;
      }
    }
  }
  return events;
}

TEST_F(Filters, KeepTheCoreThatTheDefinitionGives) {
  Random random(5);
  std::set<std::pair<int, int>> events;
  for (int i = 0; i < 500; ++i) {
    events.emplace(random.below(80), static_cast<int>(60 * random.uniform() * random.uniform()));
  }
  std::string lines;
  for (const auto& [user, item] : events) lines += fmt::format("u{},i{},1\n", user, item);
  PrepareOptions options = csv(lines);
  for (const std::size_t k : {2U, 4U, 5U}) {
    options.min_user_events = options.min_item_events = k;
    const auto expected = plain_core(events, k);
    ASSERT_FALSE(expected.empty());
    const Dataset data = prepared(options);
    std::set<std::pair<int, int>> kept;
    for (std::size_t u = 0; u < data.users(); ++u) {
      for (const std::int32_t i : data.history(u)) {
        kept.emplace(std::stoi(data.user_ids[u].substr(1)),
                     std::stoi(data.items[static_cast<std::size_t>(i)].id.substr(1)));
      }
    }
    EXPECT_EQ(kept, expected) << k;
    EXPECT_EQ(dropped("core"), events.size() - expected.size());
  }
}

TEST_F(Filters, SayWhenNobodyIsLeft) {
  PrepareOptions options = csv("a,p,1\na,q,1\nb,p,1\n");
  options.min_user_events = options.min_item_events = 3;
  expect_refused(options, {"log.csv", "no user is left", "core of 3", "2 users and 2 items"});
  options = csv("a,p,1\n", "");
  options.interactions = {put("log.csv", "user,item,rating\na,p,2\n")};
  options.fields.min_rating = 3;
  expect_refused(options, {"no user is left after reading", "--min-rating"});
}

TEST_F(Filters, CutLongHistoriesToTheirLastEvents) {
  PrepareOptions options = csv("a,p,1\na,q,2\na,r,3\nb,p,1\n");
  options.max_history = 2;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: q r", "b: p"}));
  EXPECT_EQ(dropped("--max-history"), 1U);
}

TEST_F(Filters, SummariseWhatTheyDidAndWhatIsLeft) {
  PrepareOptions options = csv("a,p,10\na,q,20\na,r,30\nb,p,10\nb,q,15\nc,z,1\n");
  options.min_item_events = 2;
  const Dataset data = prepared(options);
  EXPECT_EQ(report.users_dropped, 1U);
  EXPECT_EQ(report.items_dropped, 2U);
  EXPECT_EQ(data.user_ids, (Lines{"a", "b"}));
  EXPECT_EQ(data.items.size(), 2U);
}

}  // namespace
}  // namespace tessera
