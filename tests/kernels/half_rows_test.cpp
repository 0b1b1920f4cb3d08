#include "kernels/half_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "testing/simd_targets.h"

namespace tessera {
namespace {

// What IEEE 754 says of sixteen bits: a sign, five of the exponent, ten of the fraction.
double value_of(std::uint16_t bits) {
  const int exponent = bits >> 10U & 31U;
  const double fraction = (bits & 1023U) / 1024.0;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0 + fraction, exponent - 15);
  return (bits >> 15U) != 0 ? -magnitude : magnitude;
}

TEST(Widen, EveryHalfThatIsANumberKeepsItsValueOnEveryTarget) {
  std::vector<std::uint16_t> bits;
  for (std::uint32_t i = 0; i < 65536; ++i) {
    if ((i >> 10U & 31U) != 31) bits.push_back(static_cast<std::uint16_t>(i));
  }
  std::vector<Half> halves(bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) halves[i] = std::bit_cast<Half>(bits[i]);
  for (const std::int64_t target : testing::simd_targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const testing::SimdTarget chosen(target);
    // Beginnings and ends that no vector fits.
    for (const std::size_t from : {0U, 1U, 7U}) {
      const auto some = std::span(halves).subspan(from);
      std::vector<float> widened(some.size());
      widen(some, widened);
      for (std::size_t i = 0; i < some.size(); ++i) {
        ASSERT_EQ(double{widened[i]}, value_of(bits[from + i])) << bits[from + i];
      }
    }
  }
}

}  // namespace
}  // namespace tessera
