#include "data/trends.h"

#include <gtest/gtest.h>

#include "tessera/fallback.h"
#include "testing/datasets.h"

namespace tessera {
namespace {

TEST(TrainingTrends, HalveAnEventForEachHalfLife) {
  constexpr auto kHalf = static_cast<std::int64_t>(kTrendHalfLife);
  // By leave-one-out the last two events of a user of three or more are not training's.
  Dataset data = testing::dataset_of({{0, 1, 2, 2}, {1}, {0, 3}}, 5);
  data.times = {10 * kHalf, 12 * kHalf, 90 * kHalf, 91 * kHalf, 11 * kHalf, -1, 12 * kHalf};
  TrainingTrends trends = training_trends(data);
  EXPECT_EQ(trends.last, 12 * kTrendHalfLife);
  EXPECT_EQ(trends.counts, (std::vector<double>{0.25, 1.5, 0, 1, 0}));
  data.items[3].withheld = true;
  hide_withheld(data);
  EXPECT_EQ(training_trends(data).counts, (std::vector<double>{0.25, 1.5, 0, 0, 0}));
  data.times.clear();
  EXPECT_EQ(training_trends(data).last, 0.0) << "nobody knows when";
}

}  // namespace
}  // namespace tessera
