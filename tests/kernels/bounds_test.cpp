#include <gtest/gtest.h>

#include "kernels/accumulate.h"
#include "kernels/box_bounds.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

TEST(BoxBounds, AreTheBestCornersOnEveryTarget) {
  for (const std::int64_t target : testing::simd_targets()) {
    const testing::SimdTarget use(target);
    for (const std::size_t boxes : {1U, 7U, 33U, 5000U}) {
      Random random(boxes);
      constexpr std::size_t kDims = 5;
      Matrix low(kDims, boxes);
      Matrix high(kDims, boxes);
      std::vector<float> query;
      for (std::size_t d = 0; d < kDims; ++d) {
        query.push_back(static_cast<float>(random.normal()));
        for (std::size_t b = 0; b < boxes; ++b) {
          low[d][b] = static_cast<float>(random.normal());
          high[d][b] = low[d][b] + static_cast<float>(random.uniform());
        }
      }
      std::vector<float> bounds(boxes);
      box_bounds(query, low, high, 2.5F, bounds);
      for (std::size_t b = 0; b < boxes; ++b) {
        double expected = 2.5;
        for (std::size_t d = 0; d < kDims; ++d) {
          expected += std::max(double{query[d]} * low[d][b], double{query[d]} * high[d][b]);
        }
        EXPECT_NEAR(bounds[b], expected, 1e-5);
      }
    }
  }
}

TEST(AccumulateScaled, AddsInDoublePrecisionOnEveryTarget) {
  for (const std::int64_t target : testing::simd_targets()) {
    const testing::SimdTarget use(target);
    for (const std::size_t n : {1U, 7U, 33U, 768U}) {
      Random random(n);
      std::vector<float> x(n);
      std::vector<double> sums(n, 1e9);
      for (float& value : x) value = static_cast<float>(random.normal());
      accumulate_scaled(1.0 / 3.0, x, sums);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(sums[i] - 1e9, double{x[i]} / 3.0, 2.4e-7) << "half a unit of 1e9";
      }
    }
  }
}

}  // namespace
}  // namespace tessera
