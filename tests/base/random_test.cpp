// Random streams: ranges, shares and independence; every tolerance is six standard deviations.
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace tessera {
namespace {

constexpr int kDraws = 100'000;

TEST(Random, AStreamIsFixedBySeedAndPath) {
  Random first(1, {2, 3}), again(1, {2, 3});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first.next(), again.next());
}

TEST(Random, StreamsDifferByPath) {
  std::set<std::uint64_t> firsts;
  std::size_t streams = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    firsts.insert(Random(seed).next());
    ++streams;
    for (std::uint64_t a = 0; a < 10; ++a) {
      firsts.insert(Random(seed, {a}).next());
      ++streams;
      for (std::uint64_t b = 0; b < 10; ++b) {
        firsts.insert(Random(seed, {a, b}).next());
        ++streams;
      }
    }
  }
  EXPECT_EQ(firsts.size(), streams);
}

TEST(Random, NeighbouringStreamsAreUnrelated) {
  // Bits of two streams agree by half.
  for (const auto& [a, b] : {std::pair{Random(1, {5}), Random(1, {6})},
                             {Random(1, {5, 6}), Random(1, {6, 5})},
                             {Random(1), Random(2)}}) {
    Random first = a, second = b;
    int same = 0;
    for (int i = 0; i < 1000; ++i) same += 64 - __builtin_popcountll(first.next() ^ second.next());
    EXPECT_NEAR(same, 32'000, 6 * 127);
  }
}

TEST(Random, BelowStaysInRangeAndIsEven) {
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{33}}) {
    Random random(1);
    std::vector<int> counts(bound);
    for (int i = 0; i < kDraws; ++i) {
      const std::uint64_t drawn = random.below(bound);
      ASSERT_LT(drawn, bound);
      ++counts[drawn];
    }
    const double share = 1.0 / static_cast<double>(bound);
    for (const int count : counts) {
      EXPECT_NEAR(count, kDraws * share, 6 * std::sqrt(kDraws * share * (1 - share)));
    }
  }
  Random random(1);
  const std::uint64_t huge = ~std::uint64_t{0};
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.below(huge), huge);
}

TEST(Random, UniformStaysBelowOneWithItsMeanAtHalf) {
  Random random(1);
  double sum = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.uniform();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 6 * 0.289 / std::sqrt(kDraws));
}

TEST(Random, NormalHasItsMoments) {
  Random random(1);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 6 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, 6 * std::sqrt(2.0 / kDraws));
}

TEST(Random, APermutationHoldsEveryNumberOnce) {
  for (const std::size_t n : {0U, 1U, 17U, 1000U}) {
    Random random(1);
    std::vector<std::int32_t> order = random.permutation(n);
    EXPECT_EQ(std::is_sorted(order.begin(), order.end()), n <= 1);
    std::sort(order.begin(), order.end());
    ASSERT_EQ(order.size(), n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(order[i], static_cast<std::int32_t>(i));
  }
}

TEST(Random, PermutationsAreEvenlyLikely) {
  Random random(1);
  std::map<std::vector<std::int32_t>, int> counts;
  for (int i = 0; i < 24'000; ++i) ++counts[random.permutation(4)];
  EXPECT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 6 * 31);
}

}  // namespace
}  // namespace tessera
