#include "kernels/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"

namespace tessera {
namespace {

/// A random block and query, with thresholds from "all items" to "none".
struct ScanCase {
  std::size_t levels, quads;
  std::vector<std::uint8_t> codes, ids, tables, low, high;
  std::vector<std::int8_t> weights;

  ScanCase(std::size_t level_count, std::size_t quad_count, std::uint64_t seed)
      : levels(level_count), quads(quad_count) {
    Random random(seed);
    for (std::size_t i = 0; i < levels * kScanBlock; ++i) codes.push_back(byte(random, 256));
    // Groups differ in where their ID vectors lie.
    ids.resize(4 * quads * kScanBlock);
    low.assign(4 * quads * 4, 127);
    high.assign(4 * quads * 4, 0);
    for (std::size_t g = 0; g < 4; ++g) {
      for (std::size_t d = 0; d < 4 * quads; ++d) {
        const std::uint64_t start = random.below(100);
        const std::size_t corner = (d / 4 * 4 + g) * 4 + d % 4;
        for (std::size_t i = g * kScanGroup; i < (g + 1) * kScanGroup; ++i) {
          const std::uint8_t value = byte(random, 28) + static_cast<std::uint8_t>(start);
          ids[scan_place(i, d, quads)] = value;
          low[corner] = std::min(low[corner], value);
          high[corner] = std::max(high[corner], value);
        }
      }
    }
    for (std::size_t i = 0; i < levels * 256; ++i) tables.push_back(byte(random, 256));
    for (std::size_t d = 0; d < 4 * quads; ++d) {
      weights.push_back(static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127));
    }
  }
  static std::uint8_t byte(Random& random, std::uint64_t bound) {
    return static_cast<std::uint8_t>(random.below(bound));
  }
  ScanQuery query(float threshold) const {
    std::uint32_t best = 0;
    for (std::size_t l = 0; l < levels; ++l) {
      best += *std::max_element(tables.begin() + static_cast<long>(l * 256),
                                tables.begin() + static_cast<long>(l * 256 + 256));
    }
    return {levels,         quads,  tables.empty() ? nullptr : tables.data(),
            weights.data(), 0.013F, 0.0007F,
            threshold,      best};
  }
};

std::set<std::uint16_t> found_by(ScanFunction scan, const ScanCase& data, float threshold) {
  std::vector<std::uint16_t> found(kScanBlock);
  const std::size_t count =
      scan({data.codes.data(), data.ids.data(), data.low.data(), data.high.data()},
           data.query(threshold), found.data());
  std::set<std::uint16_t> places(found.begin(), found.begin() + static_cast<long>(count));
  EXPECT_EQ(places.size(), count) << "a place was found twice";
  return places;
}

class Scan : public ::testing::TestWithParam<std::pair<std::size_t, std::size_t>> {};

TEST_P(Scan, EveryTargetFindsTheItemsOfThePlainSum) {
  const auto [levels, quads] = GetParam();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const ScanCase data(levels, quads, seed);
    std::vector<float> sums(kScanBlock);
    for (std::size_t i = 0; i < kScanBlock; ++i) {
      int table = 0;
      int id = 0;
      for (std::size_t l = 0; l < levels; ++l) {
        table +=
            data.tables[l * 256 +
                        data.codes[(i / kScanGroup * levels + l) * kScanGroup + i % kScanGroup]];
      }
      for (std::size_t d = 0; d < 4 * quads; ++d) {
        id += int{data.weights[d]} * int{data.ids[scan_place(i, d, quads)]};
      }
      const volatile float by_table = 0.013F * static_cast<float>(table);
      const volatile float by_id = 0.0007F * static_cast<float>(id);
      sums[i] = by_table + by_id;
    }
    std::vector<float> sorted(sums);
    std::ranges::sort(sorted);
    for (const float threshold :
         {sorted.front(), sorted[100], sorted[250], sorted.back(), sorted.back() + 1.0F}) {
      std::set<std::uint16_t> expected;
      for (std::size_t i = 0; i < kScanBlock; ++i) {
        if (sums[i] >= threshold) expected.insert(static_cast<std::uint16_t>(i));
      }
      for (const ScanTarget& target : scan_targets()) {
        EXPECT_EQ(found_by(target.scan, data, threshold), expected) << target.name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Scan,
                         ::testing::Values(std::pair(3, 2), std::pair(1, 0), std::pair(11, 2),
                                           std::pair(0, 16), std::pair(4, 1), std::pair(0, 0)));

TEST(ScanPlace, IsAPermutationOfTheBlocksBytes) {
  for (const std::size_t quads : {1U, 2U, 5U}) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < kScanBlock; ++i) {
      for (std::size_t d = 0; d < 4 * quads; ++d) places.push_back(scan_place(i, d, quads));
    }
    std::ranges::sort(places);
    std::vector<std::size_t> all(4 * quads * kScanBlock);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(places, all);
  }
}

TEST(ScanTargets, EndWithThePortableOne) { EXPECT_STREQ(scan_targets().back().name, "portable"); }

}  // namespace
}  // namespace tessera
