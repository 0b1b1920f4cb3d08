#include <gtest/gtest.h>

#include "kernels/accumulate.h"
#include "kernels/node_bounds.h"
#include "testing/matrices.h"
#include "testing/simd_targets.h"

namespace tessera {
namespace {

TEST(NodeBounds, AreReachedByTheFarthestPointOnEveryTarget) {
  for (const std::int64_t target : testing::simd_targets()) {
    const testing::SimdTarget use(target);
    for (const auto& [box, ball] : {std::pair(16U, 32U), std::pair(3U, 0U), std::pair(0U, 8U)}) {
      for (const std::size_t count : {1U, 7U, 33U, 500U}) {
        Random random(count);
        Matrix rows(Nodes::row_count(box, ball), count);
        for (float& x : rows.span()) x = static_cast<float>(random.normal());
        for (std::size_t d = 0; d < box; ++d) {
          for (std::size_t i = 0; i < count; ++i) rows[box + d][i] += rows[d][i] + 5.0F;
        }
        std::vector<float> box_query(box);
        std::vector<float> ball_query(ball);
        for (float& x : box_query) x = static_cast<float>(random.normal());
        for (float& x : ball_query) x = static_cast<float>(random.normal());
        std::vector<float> bounds(count);
        std::vector<float> centres(count);
        node_bounds({box, ball, rows}, {box_query, ball_query, 1.5F, 0.25F}, bounds, centres);
        for (std::size_t i = 0; i < count; ++i) {
          double bound = 0.0;
          double centre = 0.0;
          for (std::size_t d = 0; d < box; ++d) {
            const double low = double{box_query[d]} * double{rows[d][i]};
            const double high = double{box_query[d]} * double{rows[box + d][i]};
            bound += std::max(low, high);
            centre += (low + high) / 2.0;
          }
          for (std::size_t d = 0; d < ball; ++d) {
            centre += double{ball_query[d]} * double{rows[2 * box + d][i]};
            bound += double{ball_query[d]} * double{rows[2 * box + d][i]};
          }
          bound +=
              1.5 * double{rows[2 * box + ball][i]} + 0.25 * double{rows[2 * box + ball + 1][i]};
          EXPECT_NEAR(bounds[i], bound, 1e-4);
          EXPECT_NEAR(centres[i], centre, 1e-4);
        }
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
      const std::vector<double> wide(x.begin(), x.end());
      std::vector<double> wide_sums(sums);
      accumulate_scaled(1.0 / 3.0, x, sums);
      accumulate_scaled(1.0 / 3.0, wide, wide_sums);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(sums[i] - 1e9, double{x[i]} / 3.0, 2.4e-7) << "half a unit of 1e9";
        EXPECT_EQ(sums[i], wide_sums[i]);
      }
    }
  }
}

}  // namespace
}  // namespace tessera
