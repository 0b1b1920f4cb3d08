#include "kernels/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace tessera {
namespace {

/// A block of random fields and random weights, and what every item's sum is.
struct ScanCase {
  ScanShape shape;
  std::vector<std::uint8_t> block;
  std::vector<std::int8_t> weights;
  std::vector<int> sums;

  ScanCase(ScanShape of, int steepest, std::uint64_t seed)
      : shape(of), block(of.block_bytes()), sums(kScanBlock) {
    Random random(seed);
    for (std::size_t f = 0; f < shape.fields(); ++f) {
      const auto weight = static_cast<int>(random.below(2 * static_cast<unsigned>(steepest) + 1));
      weights.push_back(static_cast<std::int8_t>(weight - steepest));
    }
    for (std::size_t i = 0; i < kScanBlock; ++i) {
      for (std::size_t f = 0; f < shape.fields(); ++f) {
        const auto value =
            static_cast<int>(random.below(static_cast<unsigned>(shape.largest(f)) + 1));
        set_scan_field(shape, block.data(), i, f, value);
        sums[i] += weights[f] * value;
      }
    }
  }
  /// "place: sum" of what a scan finds.
  std::vector<std::pair<int, int>> found(ScanFunction scan, int threshold) const {
    std::vector<ScanHit> hits(kScanBlock);
    ScanQuery query = scan_query(shape, weights);
    query.threshold = threshold;
    hits.resize(scan(block.data(), query, hits.data()));
    std::vector<std::pair<int, int>> result;
    for (const ScanHit& hit : hits) result.emplace_back(hit.place, hit.sum);
    return result;
  }
};

class Scan : public ::testing::TestWithParam<ScanShape> {};

TEST_P(Scan, EveryTargetFindsTheItemsOfThePlainSum) {
  const ScanShape shape = GetParam();
  // As steep as sums of 16 bits allow.
  int range = 0;
  for (std::size_t f = 0; f < shape.fields(); ++f) range += shape.largest(f);
  const int steepest = range == 0 ? 0 : std::min(127, 32767 / range);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const ScanCase data(shape, steepest, seed);
    std::vector<int> sorted(data.sums);
    std::ranges::sort(sorted);
    for (const int threshold : {-32768, sorted.front(), sorted[100], sorted[250], sorted.back(),
                                sorted.back() + 1, 32767}) {
      std::vector<std::pair<int, int>> expected;
      for (std::size_t i = 0; i < kScanBlock; ++i) {
        if (data.sums[i] >= threshold) expected.emplace_back(i, data.sums[i]);
      }
      for (const ScanTarget& target : scan_targets()) {
        EXPECT_EQ(data.found(target.scan, threshold), expected) << target.name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Scan,
                         ::testing::Values(ScanShape{5, 5}, ScanShape{5, 4}, ScanShape{5, 0},
                                           ScanShape{1, 1}, ScanShape{0, 4}, ScanShape{2, 3},
                                           ScanShape{8, 8}, ScanShape{0, 0}));

TEST(Scan, SumsAtTheEndsOfSixteenBitsAreRight) {
  // 17 · 127 · 15 = 32,385.
  for (const int sign : {-1, 1}) {
    const ScanShape shape{.quads = 5, .octets = 0};
    std::vector<std::uint8_t> block(shape.block_bytes());
    std::vector<std::int8_t> weights(shape.fields(), 0);
    std::fill_n(weights.begin(), 17, static_cast<std::int8_t>(sign * 127));
    for (std::size_t f = 0; f < shape.fields(); ++f) {
      set_scan_field(shape, block.data(), 77, f, 15);
    }
    ScanQuery query = scan_query(shape, weights);
    query.threshold = -32768;
    for (const ScanTarget& target : scan_targets()) {
      std::vector<ScanHit> hits(kScanBlock);
      const std::size_t count = target.scan(block.data(), query, hits.data());
      ASSERT_EQ(count, kScanBlock) << target.name;
      EXPECT_EQ(hits[77].sum, sign * 32385) << target.name;
      EXPECT_EQ(hits[76].sum, 0) << target.name;
    }
  }
}

TEST(ScanTargets, EndWithThePortableOne) { EXPECT_STREQ(scan_targets().back().name, "portable"); }

}  // namespace
}  // namespace tessera
