// Splits by time and withheld items, from files to what training and evaluation see.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/npy.h"
#include "base/random.h"
#include "data/embed.h"
#include "data/parts.h"
#include "data/preparing.h"
#include "data/withhold.h"
#include "testing/datasets.h"
#include "text/text_encoder_file.h"
#include "text/tfidf_encoder.h"

namespace tessera {
namespace {

using testing::as_items;
using testing::dataset_of;
using testing::expect_error;
using Items = std::vector<std::int32_t>;

/// Users at times 1 … 8, cuts at 4 and 6.
Dataset timed() {
  Dataset data = dataset_of({{0, 1, 2, 3}, {1, 4, 5}, {0, 2, 3}, {4, 5}, {6}}, 8);
  data.times = {1, 2, 4, 6, 3, 3, 5, 6, 7, 8, 4, 5, 1};
  split_by_time(data, "4", "6");
  return data;
}

TEST(TimeSplit, TrainsOnEventsBeforeTheFirstCutAlone) {
  const Dataset data = timed();
  EXPECT_EQ(as_items(train_history(data, 0)), (Items{0, 1}));
  EXPECT_EQ(as_items(train_history(data, 1)), (Items{1, 4}));
  EXPECT_TRUE(train_history(data, 2).empty());
  EXPECT_TRUE(train_history(data, 3).empty());
  EXPECT_EQ(as_items(train_history(data, 4)), (Items{6}));
}

TEST(TimeSplit, PredictsTheFirstEventBehindEachCutFromAllBefore) {
  const Dataset data = timed();
  EXPECT_EQ(evaluated_users(data, Split::validation), (Items{0, 1}));
  EXPECT_EQ(target_of(data, 0, Split::validation), 2);
  EXPECT_EQ(as_items(history_before(data, 0, Split::validation)), (Items{0, 1}));
  EXPECT_EQ(target_of(data, 1, Split::validation), 5);
  EXPECT_EQ(evaluated_users(data, Split::test), Items{0});
  EXPECT_EQ(target_of(data, 0, Split::test), 3);
  EXPECT_EQ(as_items(history_before(data, 0, Split::test)), (Items{0, 1, 2}));
  EXPECT_THROW(target_of(data, 2, Split::test), std::logic_error) << "nothing is before the cut";
  EXPECT_THROW(target_of(data, 1, Split::test), std::logic_error) << "nothing is behind it";
}

TEST(TimeSplit, WithholdsItemsThatAppearBehindTheFirstCut) {
  const Dataset data = timed();
  std::vector<bool> withheld;
  for (const CatalogueItem& item : data.items) withheld.push_back(item.withheld);
  EXPECT_EQ(withheld, (std::vector<bool>{false, false, true, true, false, true, false, false}));
}

TEST(TimeSplit, HoldsNothingOutOfARefit) {
  Dataset data = timed();
  hold_nothing_out(data);
  for (std::size_t u = 0; u < data.users(); ++u) {
    EXPECT_EQ(as_items(train_history(data, u)), as_items(data.history(u)));
  }
  EXPECT_TRUE(evaluated_users(data, Split::validation).empty());
  EXPECT_TRUE(evaluated_users(data, Split::test).empty());
  EXPECT_EQ(count_trainable(data), data.items.size()) << "items of the last days belong to it";
  const DatasetPart part = part_of(data, 1, 2);
  for (std::size_t u = 0; u < part.data.users(); ++u) {
    EXPECT_EQ(as_items(train_history(part.data, u)), as_items(part.data.history(u)));
  }
}

TEST(TimeSplit, TakesSharesDatesAndSecondsAsCuts) {
  Dataset data = dataset_of({Items(10, 0)}, 2);
  for (std::int64_t day = 0; day < 10; ++day) data.times.push_back(1'400'000'000 + 86'400 * day);
  split_by_time(data, "0.5", "0.85");
  EXPECT_EQ(data.split.validation_from, data.times[5]);
  EXPECT_EQ(data.split.test_from, data.times[8]);
  split_by_time(data, "2014-05-15", "1400400000");
  EXPECT_EQ(data.split.validation_from, 1'400'112'000);
  EXPECT_EQ(data.split.test_from, 1'400'400'000);
  for (const char* bad : {"1.5", "x", "", "-0.1", "2014-13-01"}) {
    expect_error<UsageError>([&] { split_by_time(data, bad, "0.9"); }, {"--validation-from"});
  }
  expect_error<UsageError>([&] { split_by_time(data, "0.9", "0.5"); }, {"before"});
  expect_error([&] { split_by_time(data, "2001-01-01", "0.9"); }, {"no event is before"});
  expect_error([&] { split_by_time(data, "0.9", "2030-01-01"); }, {"0 to test with"});
}

/// Whatever the data, nothing that training sees is at or behind the first cut, and every target is
/// behind its own.
TEST(TimeSplit, LeaksNothingAcrossACut) {
  Random random(11);
  Dataset data;
  std::set<std::int32_t> before;
  for (std::size_t i = 0; i < 60; ++i) data.items.push_back({fmt::format("i{}", i), "", ""});
  for (int u = 0; u < 200; ++u) {
    data.user_ids.push_back(fmt::format("u{}", u));
    std::int64_t time = static_cast<std::int64_t>(random.below(1000));
    for (std::uint64_t e = 0; e < 1 + random.below(12); ++e) {
      time += static_cast<std::int64_t>(random.below(120));
      const auto newest = std::min<std::uint64_t>(60, 5 + static_cast<std::uint64_t>(time) / 20);
      data.events.push_back(static_cast<std::int32_t>(random.below(newest)));
      data.times.push_back(time);
    }
    data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
  }
  split_by_time(data, "0.6", "0.8");
  hide_withheld(data);
  std::size_t trained = 0;
  for (std::size_t u = 0; u < data.users(); ++u) trained += train_history(data, u).size();
  std::size_t earlier = 0;
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    if (data.times[e] >= data.split.validation_from) continue;
    ++earlier;
    before.insert(data.events[e]);
  }
  EXPECT_EQ(trained, earlier) << "an item seen before the cut is not withheld";
  for (std::size_t i = 0; i < 60; ++i) {
    const bool met =
        std::ranges::find(data.events, static_cast<std::int32_t>(i)) != data.events.end();
    EXPECT_EQ(data.items[i].withheld, met && !before.contains(static_cast<std::int32_t>(i))) << i;
  }
  for (const Split split : {Split::validation, Split::test}) {
    const std::int64_t cut =
        split == Split::test ? data.split.test_from : data.split.validation_from;
    for (const std::int32_t user : evaluated_users(data, split)) {
      const auto u = static_cast<std::size_t>(user);
      const std::size_t place = history_before(data, u, split).size();
      const auto first = static_cast<std::size_t>(data.offsets[u]);
      EXPECT_GE(data.times[first + place], cut);
      EXPECT_LT(data.times[first + place - 1], cut);
    }
  }
}

TEST(ColdItems, AreHiddenFromTrainingAndStayInHistories) {
  Dataset data = dataset_of({{0, 1, 2, 3, 4}, {1, 1, 0, 2}, {5, 1}, {1, 0, 1}}, 6);
  data.items[1].withheld = true;
  data.items[3].withheld = true;
  hide_withheld(data);
  EXPECT_EQ(as_items(train_history(data, 0)), (Items{0, 2}));
  EXPECT_TRUE(train_history(data, 1).empty());
  EXPECT_EQ(as_items(train_history(data, 2)), (Items{5})) << "too short to evaluate, yet withheld";
  EXPECT_EQ(as_items(history_before(data, 0, Split::validation)), (Items{0, 1, 2}));
  EXPECT_EQ(target_of(data, 0, Split::validation), 3);
  EXPECT_EQ(as_items(history_before(data, 0, Split::test)), (Items{0, 1, 2, 3}));
  EXPECT_EQ(evaluated_users(data, Split::test), (Items{0, 1, 3}));
  EXPECT_EQ(count_trainable(data), 4U);
}

TEST(ColdItems, AreDrawnBySeedAmongItemsWithEvents) {
  Dataset data = dataset_of({{}, {}}, 200);
  data.events.resize(150);
  std::iota(data.events.begin(), data.events.end(), 0);
  data.offsets = {0, 100, 150};
  const auto drawn = [&](std::uint64_t seed) {
    for (CatalogueItem& item : data.items) item.withheld = false;
    withhold_items(data, 0.2, false, seed);
    Items items;
    for (std::size_t i = 0; i < 200; ++i) {
      if (data.items[i].withheld) items.push_back(static_cast<std::int32_t>(i));
    }
    return items;
  };
  EXPECT_EQ(drawn(1).size(), 30U);
  EXPECT_LT(drawn(1).back(), 150);
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
  expect_error<UsageError>([&] { withhold_items(data, 0.001, false, 1); }, {"--cold-items 0.001"});
  expect_error<UsageError>([&] { withhold_items(data, 1.0, false, 1); }, {"--cold-items 1"});
  expect_error([&] { withhold_items(data, 0.2, true, 1); }, {"needs times"});
}

TEST(ColdItems, MayBeThoseThatAppearedLast) {
  Dataset data = dataset_of({{0, 1, 2}, {3, 4, 0}}, 6);
  data.times = {10, 20, 30, -1, 25, 40};
  withhold_items(data, 0.4, true, 1);  // of five: 2 at 30, 4 at 25
  Items withheld;
  for (std::size_t i = 0; i < 6; ++i) {
    if (data.items[i].withheld) withheld.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(withheld, (Items{2, 4}));
}

class SplitDirectory : public testing::PrepareTest {};

TEST_F(SplitDirectory, KeepsTheSplitAndWithheldItems) {
  PrepareOptions options = csv("a,p,10\na,q,20\na,r,30\na,s,40\nb,p,10\nb,q,21\nb,t,31\nb,p,41\n");
  options.split_by_time = true;
  options.validation_from = "30";
  options.test_from = "40";
  const Dataset data = prepared(options);
  write_dataset(temp.path() / "out", data);
  const Dataset again = read_dataset(temp.path() / "out");
  EXPECT_TRUE(again.split.by_time);
  EXPECT_EQ(again.split.validation_from, 30);
  EXPECT_EQ(again.split.test_from, 40);
  EXPECT_TRUE(item(again, "s").withheld);
  EXPECT_FALSE(item(again, "p").withheld);
  EXPECT_EQ(fingerprint(again), fingerprint(data));
  for (std::size_t u = 0; u < 2; ++u) {
    EXPECT_EQ(as_items(train_history(again, u)), as_items(train_history(data, u)));
  }
}

TEST_F(SplitDirectory, KeepsWeightsBesideTheEventsThatTrainingSees) {
  Dataset data = testing::dataset_of({{0, 1, 2, 3, 4}, {4, 3, 2, 1}}, 5);
  const std::string before = fingerprint(data);
  data.weights = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_NE(fingerprint(data), before);
  data.items[1].withheld = true;
  write_dataset(temp.path() / "out", data);
  const Dataset again = read_dataset(temp.path() / "out");
  EXPECT_EQ(fingerprint(again), fingerprint(data));
  const auto weights = [&](std::size_t user) {
    const auto found = train_weights(again, user);
    return std::vector<float>(found.begin(), found.end());
  };
  EXPECT_EQ(weights(0), (std::vector<float>{1, 3}));
  EXPECT_EQ(weights(1), (std::vector<float>{6, 7}));
  EXPECT_EQ(target_weight(again, 0, Split::test), 5);
  EXPECT_EQ(target_weight(again, 1, Split::validation), 8);
  data.weights.clear();
  write_dataset(temp.path() / "out", data);
  EXPECT_TRUE(train_weights(read_dataset(temp.path() / "out"), 0).empty());
}

TEST_F(SplitDirectory, WeightsThatAreNoneAreRefused) {
  Dataset data = testing::dataset_of({{0, 1, 2}}, 3);
  for (const std::vector<float>& weights :
       {std::vector{1.0F}, {1.0F, -1.0F, 2.0F}, {1.0F, NAN, 2.0F}, {1.0F, INFINITY, 2.0F}}) {
    data.weights = weights;
    expect_error([&] { write_dataset(temp.path() / "out", data); }, {"weights.npy"});
  }
  data.weights = {1, 2, 3};
  write_dataset(temp.path() / "out", data);
  write_npy(temp.path() / "out/weights.npy", MatrixView(data.weights.data(), 2, 1));
  expect_error([&] { read_dataset(temp.path() / "out"); }, {"weights.npy", "prepare it again"});
}

TEST_F(SplitDirectory, TheFingerprintCoversSplitAndWithheldItems) {
  Dataset data = timed();
  const std::string before = fingerprint(data);
  ++data.split.test_from;
  EXPECT_NE(fingerprint(data), before);
  data = timed();
  data.items[0].withheld = true;
  EXPECT_NE(fingerprint(data), before);
  data = timed();
  ++data.times.back();
  EXPECT_NE(fingerprint(data), before);
  data.split = {};
  EXPECT_NE(fingerprint(data), before);
}

TEST_F(SplitDirectory, ASplitByTimeDropsEventsWithoutATime) {
  PrepareOptions options = csv("a,p,10\na,q,\na,r,30\na,s,40\n");
  options.split_by_time = true;
  options.validation_from = "30";
  options.test_from = "40";
  EXPECT_EQ(testing::lines_of(prepared(options)), Lines{"a: p r s"});
  EXPECT_EQ(dropped("known time"), 1U);
  options.interactions = {put("log.csv", "user,item\na,p\n")};
  expect_refused(options, {"log.csv", "needs times", "--time"});
}

TEST_F(SplitDirectory, TimesOutOfOrderAreRefused) {
  Dataset data = timed();
  std::swap(data.times[0], data.times[3]);
  expect_error([&] { write_dataset(temp.path() / "out", data); }, {"times.npy", "order"});
}

TEST_F(SplitDirectory, TheTextEncoderIsFitToTextsOfItemsThatTrainingSees) {
  Dataset data = dataset_of({{0, 1, 2, 3}}, 4);
  const char* texts[] = {"green tea", "black tea", "tea cup", "zebra tea"};
  for (std::size_t i = 0; i < 4; ++i) data.items[i].text = texts[i];
  data.items[3].withheld = true;
  write_dataset(temp.path() / "out", data);
  embed_by_text(temp.path() / "out", {.dims = 2, .min_df = 1});
  const SafeTensors file(temp.path() / "out" / kTextEncoderFile);
  const auto terms = TfidfEncoder::load(file).vocabulary.terms;
  EXPECT_NE(std::ranges::find(terms, "tea"), terms.end());
  EXPECT_EQ(std::ranges::find(terms, "zebra"), terms.end());
  EXPECT_EQ(read_embeddings(temp.path() / "out", 4).rows(), 4U) << "it is embedded all the same";
}

}  // namespace
}  // namespace tessera
