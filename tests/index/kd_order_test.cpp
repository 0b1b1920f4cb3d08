#include "index/kd_order.h"

#include <gtest/gtest.h>

#include <cmath>

#include "index/small_catalogue.h"

namespace tessera {
namespace {

using testing::SmallCatalogue;

TEST(KdOrder, IsAPermutationForEverySize) {
  for (const std::size_t n : {0U, 1U, 63U, 64U, 65U, 255U, 257U, 1000U, 5000U}) {
    SmallCatalogue catalogue({.items = n});
    auto order = kd_order(catalogue.ids, 256, 64);
    std::ranges::sort(order);
    ASSERT_EQ(order.size(), n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(order[i], i);
  }
}

double mean_variance(const SmallCatalogue& catalogue, const std::vector<std::uint32_t>& order,
                     std::size_t group) {
  double variance = 0.0;
  for (std::size_t first = 0; first + group <= order.size(); first += group) {
    for (std::size_t d = 0; d < catalogue.ids.cols(); ++d) {
      double sum = 0.0;
      double squares = 0.0;
      for (std::size_t i = first; i < first + group; ++i) {
        const double x = catalogue.ids[order[i]][d];
        sum += x;
        squares += x * x;
      }
      const auto n = static_cast<double>(group);
      variance += squares / n - sum / n * (sum / n);
    }
  }
  return variance;
}

TEST(KdOrder, ItemsOfABlockAndOfAGroupAreAlike) {
  SmallCatalogue catalogue({.items = 16384, .id_dims = 2});
  const auto order = kd_order(catalogue.ids, 256, 64);
  std::vector<std::uint32_t> as_given(order.size());
  std::iota(as_given.begin(), as_given.end(), 0U);
  // 64 blocks, 256 groups: an eighth and a sixteenth of the side, in two dimensions.
  EXPECT_LT(mean_variance(catalogue, order, 256), 0.1 * mean_variance(catalogue, as_given, 256));
  EXPECT_LT(mean_variance(catalogue, order, 64), 0.04 * mean_variance(catalogue, as_given, 64));
}

TEST(KdOrder, EqualVectorsAreNoTrouble) {
  SmallCatalogue catalogue({.items = 3000});
  for (float& x : catalogue.ids.span()) x = 1.0F;
  auto order = kd_order(catalogue.ids, 256, 64);
  std::ranges::sort(order);
  EXPECT_EQ(order.back(), 2999U);
}

}  // namespace
}  // namespace tessera
