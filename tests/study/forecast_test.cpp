#include "study/forecast.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera {
namespace {

RunTiming timing(const char* kind, double epochs, double most, double epoch_seconds, bool finished,
                 double evaluate_seconds = 0) {
  return {kind, epochs, most, epoch_seconds, evaluate_seconds, finished};
}

TEST(Forecast, IsUnknownUntilAnEpochWasMeasured) {
  const std::vector<RunTiming> runs = {timing("a", 0.4, 4, 0, false), timing("b", 0, 4, 0, false)};
  EXPECT_FALSE(forecast(runs, 1).known);
  EXPECT_EQ(forecast(runs, 1).share, 0);
}

TEST(Forecast, CountsTheEpochsThatAreLeft) {
  const std::vector<RunTiming> runs = {timing("a", 1.5, 4, 10, false), timing("a", 0, 4, 0, false)};
  const Forecast one = forecast(runs, 1);
  EXPECT_TRUE(one.known);
  EXPECT_DOUBLE_EQ(one.left, 25 + 40);
  EXPECT_DOUBLE_EQ(one.share, 15.0 / 80);
  EXPECT_DOUBLE_EQ(forecast(runs, 2).left, 40) << "a model is done by one worker";
}

TEST(Forecast, ExpectsModelsToStopAsTheFinishedOnesOfTheirKindDid) {
  const std::vector<RunTiming> runs = {
      timing("a", 50, 200, 10, true, 6), timing("b", 20, 200, 2, true, 2),
      timing("a", 30, 200, 10, false), timing("b", 0, 200, 0, false)};
  EXPECT_DOUBLE_EQ(forecast(runs, 1).left, (20 * 10 + 6) + (20 * 2 + 2));
  const std::vector<RunTiming> longer = {timing("a", 50, 200, 10, true),
                                         timing("a", 55, 200, 10, false)};
  EXPECT_DOUBLE_EQ(forecast(longer, 1).left, 10) << "one epoch more, at least";
}

TEST(Forecast, GuessesALengthBeforeAnyModelIsFinished) {
  EXPECT_DOUBLE_EQ(forecast(std::vector{timing("a", 1, 200, 10, false)}, 1).left,
                   (kTypicalEpochs - 1) * 10);
  EXPECT_DOUBLE_EQ(forecast(std::vector{timing("a", 1, 3, 10, false)}, 1).left, 20);
}

TEST(Forecast, OfFinishedWorkIsNothing) {
  const Forecast done = forecast(std::vector{timing("a", 5, 200, 10, true, 1)}, 4);
  EXPECT_DOUBLE_EQ(done.left, 0);
  EXPECT_DOUBLE_EQ(done.share, 1);
  EXPECT_DOUBLE_EQ(forecast({}, 1).left, 0);
}

}  // namespace
}  // namespace tessera
