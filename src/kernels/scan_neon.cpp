// Every 64-bit ARM has NEON, but the portable files are compiled without intrinsics.
#include "kernels/scan.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace tessera {
namespace {

struct Sums {
  int16x8_t low, high;  // of 16 items
};

// sums += the two fields of each item, times their weights.
inline void add_fields(Sums& sums, uint8x16_t first, uint8x16_t second,
                       const std::int8_t* weights) {
  const int8x16_t a = vreinterpretq_s8_u8(first);
  const int8x16_t b = vreinterpretq_s8_u8(second);
  const int8x8_t wa = vdup_n_s8(weights[0]);
  const int8x8_t wb = vdup_n_s8(weights[1]);
  sums.low = vmlal_s8(vmlal_s8(sums.low, vget_low_s8(a), wa), vget_low_s8(b), wb);
  sums.high = vmlal_s8(vmlal_s8(sums.high, vget_high_s8(a), wa), vget_high_s8(b), wb);
}

// The sums of the 16 items whose first bytes are at `half`.
inline Sums sums_of(const std::uint8_t* half, const ScanShape& shape, const std::int8_t* weights) {
  const uint8x16_t two_bits = vdupq_n_u8(3);
  const uint8x16_t four_bits = vdupq_n_u8(15);
  Sums sums = {vdupq_n_s16(0), vdupq_n_s16(0)};
  for (std::size_t q = 0; q < shape.quads; ++q, half += 2 * kScanLane, weights += 4) {
    const uint8x16x2_t bytes = vld2q_u8(half);  // the first bytes of the items, and the second
    add_fields(sums, vandq_u8(bytes.val[0], four_bits), vandq_u8(bytes.val[1], four_bits), weights);
    add_fields(sums, vshrq_n_u8(bytes.val[0], 4), vshrq_n_u8(bytes.val[1], 4), weights + 2);
  }
  for (std::size_t o = 0; o < shape.octets; ++o, half += 2 * kScanLane, weights += 8) {
    const uint8x16x2_t bytes = vld2q_u8(half);
    const uint8x16_t a = bytes.val[0];
    const uint8x16_t b = bytes.val[1];
    add_fields(sums, vandq_u8(a, two_bits), vandq_u8(b, two_bits), weights);
    add_fields(sums, vandq_u8(vshrq_n_u8(a, 2), two_bits), vandq_u8(vshrq_n_u8(b, 2), two_bits),
               weights + 2);
    add_fields(sums, vandq_u8(vshrq_n_u8(a, 4), two_bits), vandq_u8(vshrq_n_u8(b, 4), two_bits),
               weights + 4);
    add_fields(sums, vshrq_n_u8(a, 6), vshrq_n_u8(b, 6), weights + 6);
  }
  return sums;
}

}  // namespace

std::size_t scan_neon(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const int16x8_t threshold = vdupq_n_s16(static_cast<std::int16_t>(query.threshold));
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += 16) {
    const std::uint8_t* half =
        block + item / kScanLane * 2 * kScanLane * (query.shape.quads + query.shape.octets) +
        item % kScanLane * 2;
    const Sums sums = sums_of(half, query.shape, query.weights);
    const uint16x8_t low = vcgeq_s16(sums.low, threshold);
    const uint16x8_t high = vcgeq_s16(sums.high, threshold);
    if (vmaxvq_u16(vorrq_u16(low, high)) == 0) continue;
    std::int16_t each[16];
    vst1q_s16(each, sums.low);
    vst1q_s16(each + 8, sums.high);
    for (std::size_t i = 0; i < 16; ++i) {
      found[count] = {static_cast<std::uint16_t>(item + i), each[i]};
      count += each[i] >= query.threshold ? 1 : 0;
    }
  }
  return count;
}

}  // namespace tessera
#endif
