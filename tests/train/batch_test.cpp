#include "train/stepper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "testing/datasets.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::dataset_of;
using testing::expect_error;

constexpr std::size_t kItems = 20;

// Training histories: 0 1 2 3 | 1 1 5 | 7 (too short to train on) | 9 8.
Dataset small_data() {
  return dataset_of({{0, 1, 2, 3, 10, 11}, {1, 1, 5, 12, 13}, {7, 14, 15}, {9, 8, 16, 17}}, kItems);
}

// All that these users have to learn from, a window each.
std::vector<Window> whole(const Dataset& data, const std::vector<std::int32_t>& users) {
  std::vector<Window> windows;
  for (const std::int32_t user : users) {
    const std::size_t events = train_history(data, static_cast<std::size_t>(user)).size();
    windows.push_back({user, 1, static_cast<std::int32_t>(events - 1)});
  }
  return windows;
}

std::vector<std::int32_t> users_of(const Batcher& batcher) {
  std::vector<std::int32_t> users;
  for (const UserTargets& of : batcher.users()) users.push_back(of.user);
  return users;
}

std::vector<std::int32_t> items_at(const StepBatch& batch, std::span<const std::int32_t> places) {
  std::vector<std::int32_t> items;
  for (const std::int32_t place : places) {
    items.push_back(batch.items.items[static_cast<std::size_t>(place)]);
  }
  return items;
}

TEST(Batch, PacksInputsAndTheirNextItemsWithoutPadding) {
  const Dataset data = small_data();
  Batcher batcher(data);
  EXPECT_EQ(users_of(batcher), (std::vector<std::int32_t>{0, 1, 3}));
  StepArena arena;
  Random random(1);
  const std::vector<Window> users = whole(data, {3, 0, 1});
  const StepBatch batch = batcher.build(users, random, arena).step;
  EXPECT_EQ(std::vector(batch.offsets.begin(), batch.offsets.end()),
            (std::vector<std::int32_t>{0, 1, 4, 6}));
  EXPECT_EQ(items_at(batch, batch.inputs), (std::vector<std::int32_t>{9, 0, 1, 2, 1, 1}));
  EXPECT_EQ(items_at(batch, batch.positives), (std::vector<std::int32_t>{8, 1, 2, 3, 1, 5}));
}

TEST(Batch, HoldsEveryItemOnceWithTheInputsFirst) {
  const Dataset data = small_data();
  Batcher batcher(data);
  StepArena arena;
  Random random(2);
  const std::vector<Window> users = whole(data, {0, 1, 3});
  for (int round = 0; round < 20; ++round) {
    arena.reset();
    const TrainingBatch batch = batcher.build(users, random, arena);
    const auto items = batch.step.items.items;
    EXPECT_EQ(std::set(items.begin(), items.end()).size(), items.size());
    const std::size_t inputs = batch.input_counts.size();
    EXPECT_EQ(std::vector(items.begin(), items.begin() + static_cast<long>(inputs)),
              (std::vector<std::int32_t>{0, 1, 2, 9}));
    EXPECT_EQ(std::vector(batch.input_counts.begin(), batch.input_counts.end()),
              (std::vector<float>{1, 3, 1, 1}));
    const auto weights = batch.step.items.input_weights;
    ASSERT_EQ(weights.size(), inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      EXPECT_FLOAT_EQ(weights[i], batch.input_counts[i] / 6.0F);
    }
  }
}

TEST(Batch, NegativesAreUniformOverItemsOutsideTheTrainingHistory) {
  const Dataset data = small_data();
  Batcher batcher(data);
  StepArena arena;
  Random random(3);
  const std::vector<Window> users = whole(data, {1});
  std::vector<int> counts(kItems);
  constexpr int kRounds = 9000;
  for (int round = 0; round < kRounds; ++round) {
    arena.reset();
    const StepBatch batch = batcher.build(users, random, arena).step;
    for (const std::int32_t item : items_at(batch, batch.negatives)) {
      ++counts[static_cast<std::size_t>(item)];
    }
  }
  // 18 items share 2 · 9000 draws; five standard deviations of a count are about 160.
  for (std::size_t item = 0; item < kItems; ++item) {
    EXPECT_NEAR(counts[item], item == 1 || item == 5 ? 0 : 1000, item == 1 || item == 5 ? 0 : 160)
        << item;
  }
}

TEST(Batch, SharedNegativesAreUniformOverTheCatalogueWithoutWithheldItems) {
  Dataset data = small_data();
  data.items[6].withheld = true;
  Batcher batcher(data, 8);
  StepArena arena;
  Random random(3);
  std::vector<int> counts(kItems);
  constexpr int kRounds = 2375;
  for (int round = 0; round < kRounds; ++round) {
    arena.reset();
    const StepBatch batch = batcher.build(whole(data, users_of(batcher)), random, arena).step;
    ASSERT_EQ(batch.negatives.size(), 8U);
    for (const std::int32_t item : items_at(batch, batch.negatives)) {
      ++counts[static_cast<std::size_t>(item)];
    }
  }
  // 19 items share 8 · 2375 draws; five standard deviations of a count are about 160.
  for (std::size_t item = 0; item < kItems; ++item) {
    EXPECT_NEAR(counts[item], item == 6 ? 0 : 1000, item == 6 ? 0 : 160) << item;
  }
}

TEST(Batch, AsManyNegativesAsItemsAreAllItemsOnce) {
  Dataset data = small_data();
  data.items[6].withheld = true;
  for (const std::size_t negatives : {19, 500}) {
    Batcher batcher(data, negatives);
    StepArena arena;
    Random random(3);
    const StepBatch batch = batcher.build(whole(data, {0, 3}), random, arena).step;
    std::vector<std::int32_t> drawn = items_at(batch, batch.negatives);
    std::ranges::sort(drawn);
    std::vector<std::int32_t> all(kItems);
    std::iota(all.begin(), all.end(), 0);
    std::erase(all, 6);
    EXPECT_EQ(drawn, all);
  }
}

TEST(Batch, AWindowIsPredictedFromTheEventBeforeItOn) {
  std::vector<std::int32_t> history(14);
  std::iota(history.begin(), history.end(), 0);
  const Dataset data = dataset_of({history}, kItems);
  Batcher batcher(data);
  StepArena arena;
  Random random(4);
  const std::vector<Window> windows = {{0, 8, 4}, {0, 1, 2}};
  const StepBatch batch = batcher.build(windows, random, arena).step;
  EXPECT_EQ(items_at(batch, batch.inputs), (std::vector<std::int32_t>{7, 8, 9, 10, 0, 1}));
  EXPECT_EQ(items_at(batch, batch.positives), (std::vector<std::int32_t>{8, 9, 10, 11, 1, 2}));
  for (const std::int32_t negative : items_at(batch, batch.negatives)) {
    EXPECT_GE(negative, 12) << "of the whole training history, not of the window";
  }
}

TEST(Batch, WeightsAreThoseOfTheTargets) {
  Dataset data = small_data();
  for (const std::int32_t item : data.events) data.weights.push_back(static_cast<float>(item));
  Settings settings;
  settings.event_weights = EventWeights::given;
  weigh_targets(settings, data);
  Batcher batcher(data);
  StepArena arena;
  Random random(1);
  const StepBatch batch = batcher.build(whole(data, {3, 0, 1}), random, arena).step;
  const std::vector<std::int32_t> targets = items_at(batch, batch.positives);
  ASSERT_EQ(batch.weights.size(), targets.size());
  constexpr float kMean = (8 + 1 + 2 + 3 + 1 + 5) / 6.0F;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_FLOAT_EQ(batch.weights[i], static_cast<float>(targets[i]) / kMean);
  }
  const StepBatch part = batcher.build(std::vector<Window>{{0, 2, 1}}, random, arena).step;
  ASSERT_EQ(part.weights.size(), 1U);
  EXPECT_FLOAT_EQ(part.weights[0], 2.0F / kMean);

  Dataset none = small_data();
  expect_error([&] { weigh_targets(settings, none); }, {"no weights", "--event-types"});
  none.weights.assign(none.events.size(), 0.0F);
  expect_error([&] { weigh_targets(settings, none); }, {"weigh 0"});

  settings.event_weights = EventWeights::equal;
  weigh_targets(settings, data);
  EXPECT_TRUE(batcher.build(whole(data, {0}), random, arena).step.weights.empty());
}

TEST(Batch, DataWithoutAnythingToTrainOnIsRefused) {
  const Dataset too_short = dataset_of({{0, 1, 2}}, kItems);
  Settings settings;
  settings.tokens = Tokens::id;
  TrainingState state = initial_state(settings, too_short, 0);
  expect_error([&] { Stepper(state, too_short, {}); }, {"no user has two events"});
  const Dataset everything = dataset_of({{0, 1, 2, 0, 1}}, 3);
  TrainingState other = initial_state(settings, everything, 0);
  expect_error([&] { Stepper(other, everything, {}); }, {"has all items", "negative"});
}

TEST(Batch, AUserWhoTouchedEverythingStopsNobodyElse) {
  // User 0 leaves nothing, user 1 one item of 40 in 200 events, user 2 has as many events as items.
  std::vector<std::vector<std::int32_t>> histories(4);
  for (std::int32_t i = 0; i < 40; ++i) histories[0].push_back(i);
  for (std::int32_t i = 0; i < 200; ++i) histories[1].push_back(i % 39);
  histories[2].assign(42, 7);
  histories[3] = {1, 2, 3};
  for (auto& history : histories) history.insert(history.end(), {0, 1});  // held out
  const Dataset data = dataset_of(histories, 40);
  EXPECT_EQ(users_without_negatives(data), 1U);
  Batcher batcher(data);
  EXPECT_EQ(users_of(batcher), (std::vector<std::int32_t>{1, 2, 3}));
  StepArena arena;
  Random random(4);
  const StepBatch batch = batcher.build(whole(data, users_of(batcher)), random, arena).step;
  const auto negatives = items_at(batch, batch.negatives);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(negatives[i], 39);
  // Negatives that a step shares are nobody's own.
  EXPECT_EQ(Batcher(data, 8).users().size(), 4U);
}

TEST(Batch, NeverHoldsAWithheldItem) {
  Dataset data = small_data();
  for (const std::size_t item : {1, 4, 6, 18}) data.items[item].withheld = true;
  hide_withheld(data);
  Batcher batcher(data);
  EXPECT_EQ(users_of(batcher), (std::vector<std::int32_t>{0, 3}))
      << "of user 1 only item 5 is left";
  StepArena arena;
  Random random(4);
  std::set<std::int32_t> met;
  for (int round = 0; round < 200; ++round) {
    arena.reset();
    const auto items =
        batcher.build(whole(data, users_of(batcher)), random, arena).step.items.items;
    met.insert(items.begin(), items.end());
  }
  EXPECT_EQ(met.size(), kItems - 4);
  for (const std::int32_t item : {1, 4, 6, 18}) EXPECT_FALSE(met.contains(item)) << item;
}

}  // namespace
}  // namespace tessera
