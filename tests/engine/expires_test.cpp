// Items with an end: no list holds them from then on, whatever it is made of.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "engine/attributed_bundle.h"
#include "tessera/model.h"

namespace tessera {
namespace {

/// Of the items 0, 10, 20 … the end has come, of 1, 11, 21 … it comes in an hour.
class Expires : public ::testing::TestWithParam<const char*> {
 protected:
  Expires() {
    testing::write_attributed_bundle(path(), GetParam());
    AttributeTable table({{"price", AttributeType::number}, {"expires", AttributeType::time}});
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(testing::kAttributedItems); ++i) {
      table.set(0, i, static_cast<double>(i % 100));
      if (i % 10 == 0) table.set(1, i, std::floor(testing::seconds_now()) - i);
      if (i % 10 == 1) table.set(1, i, std::floor(testing::seconds_now()) + 3600);
    }
    table.write(path() / kAttributesFile, testing::kAttributedItems);
    model.emplace(path());
  }
  fs::path path() const { return directory_.path() / "bundle"; }
  /// All items that a list for the history 3, 4 holds under the filter.
  std::set<std::int32_t> listed(const char* where = nullptr) const {
    std::optional<Filter> filter;
    if (where != nullptr) filter = filter_from_text(where);
    RecommendOptions options{.k = 1000, .repeats = true};
    if (filter) options.filter = &*filter;
    std::set<std::int32_t> items;
    for (const ScoredItem& one : model->recommend(History(history), options))
      items.insert(one.item);
    return items;
  }

  const std::vector<std::int32_t> history = {3, 4};
  std::optional<Model> model;

 private:
  testing::TempDirectory directory_;
};

TEST_P(Expires, TakesItemsOutOfEveryList) {
  std::set<std::int32_t> all, cheap;
  for (std::int32_t i = 0; i < 500; ++i) {
    if (i % 10 == 0) continue;
    all.insert(i);
    if (i % 100 < 20) cheap.insert(i);
  }
  EXPECT_EQ(listed(), all);
  EXPECT_EQ(listed("price < 20"), cheap);
  EXPECT_EQ(listed("expires < '2001-01-01'"), std::set<std::int32_t>());
  for (const Neighbour& one : model->similar(10, 1000)) EXPECT_NE(one.number % 10, 0);
  for (const SourcedItem& one : model->fall_back({}, {.k = 1000})) EXPECT_NE(one.item % 10, 0);
  const History histories[] = {history, history};
  for (const auto& list : model->recommend_many(histories, {.k = 1000})) {
    for (const ScoredItem& one : list) EXPECT_NE(one.item % 10, 0);
  }
  Rules rules;
  rules.pinned = {10, 12};
  rules.diversity = 0.5;
  std::set<std::int32_t> ruled;
  for (const ScoredItem& one : model->recommend(History(history), {.k = 50, .rules = &rules})) {
    ruled.insert(one.item);
  }
  EXPECT_TRUE(ruled.contains(12));
  EXPECT_FALSE(ruled.contains(10)) << "not even a pinned one";
  const std::vector<std::int32_t> gone = {10, 20};
  EXPECT_FALSE(model->recommend(History(gone)).empty()) << "histories may hold them";
}

TEST_P(Expires, FollowsLiveChangesAndTime) {
  const auto end = [&](std::int32_t item, AttributeValue time) {
    model->set_attributes(item, {{"expires", std::move(time)}});
  };
  end(5, testing::seconds_now() - 1);
  EXPECT_FALSE(listed().contains(5));
  end(5, testing::seconds_now() + 1000);
  EXPECT_TRUE(listed().contains(5)) << "it goes on";
  end(5, testing::seconds_now() - 1);
  end(5, {});
  EXPECT_TRUE(listed().contains(5)) << "it has no end any more";
  end(10, testing::seconds_now() + 1000);
  EXPECT_TRUE(listed().contains(10));
  for (int i = 0; i < 5000; ++i)
    end(6, testing::seconds_now() + 1000 + i);  // a heap that must not grow
  EXPECT_TRUE(listed().contains(6));
  const double soon = testing::seconds_now() + 0.2;
  end(7, soon);
  end(8, soon + 3600);
  EXPECT_TRUE(listed().contains(7) || testing::seconds_now() > soon);
  while (testing::seconds_now() <= soon) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(listed().contains(7));
  EXPECT_TRUE(listed().contains(8));
}

INSTANTIATE_TEST_SUITE_P(Layouts, Expires, ::testing::Values("unified", "id"));

}  // namespace
}  // namespace tessera
