// Compiled for ARM's dot products (see CMakeLists.txt): nothing here may run before scan_targets
// has found them, so no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

namespace tessera {
namespace {

struct Sums {
  int32x4_t low, high;  // of 8 items
};

// Four neighbouring weights, beside the four fields of every item.
inline int8x16_t weights_at(const std::int8_t* weights) {
  int four;
  __builtin_memcpy(&four, weights, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

// sums += four fields of each item, times their weights: two bytes of `first`, two of `second`.
inline void add_fields(Sums& sums, uint8x16_t first, uint8x16_t second, int8x16_t weights) {
  const uint16x8_t a = vreinterpretq_u16_u8(first);
  const uint16x8_t b = vreinterpretq_u16_u8(second);
  sums.low = vdotq_s32(sums.low, vreinterpretq_s8_u16(vzip1q_u16(a, b)), weights);
  sums.high = vdotq_s32(sums.high, vreinterpretq_s8_u16(vzip2q_u16(a, b)), weights);
}

// The sums of the 8 items whose first bytes are at `part`.
inline int16x8_t sums_of(const std::uint8_t* part, std::size_t quads, std::size_t octets,
                         const std::int8_t* weights) {
  const uint8x16_t two_bits = vdupq_n_u8(3);
  const uint8x16_t four_bits = vdupq_n_u8(15);
  Sums sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
  for (std::size_t q = 0; q < quads; ++q, part += 2 * kScanLane, weights += 4) {
    const uint8x16_t bytes = vld1q_u8(part);
    add_fields(sums, vandq_u8(bytes, four_bits), vshrq_n_u8(bytes, 4), weights_at(weights));
  }
  for (std::size_t o = 0; o < octets; ++o, part += 2 * kScanLane, weights += 8) {
    const uint8x16_t bytes = vld1q_u8(part);
    add_fields(sums, vandq_u8(bytes, two_bits), vandq_u8(vshrq_n_u8(bytes, 2), two_bits),
               weights_at(weights));
    add_fields(sums, vandq_u8(vshrq_n_u8(bytes, 4), two_bits), vshrq_n_u8(bytes, 6),
               weights_at(weights + 4));
  }
  return vcombine_s16(vmovn_s32(sums.low), vmovn_s32(sums.high));
}

}  // namespace

std::size_t scan_dotprod(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t quads = query.shape.quads;
  const std::size_t octets = query.shape.octets;
  const int16x8_t threshold = vdupq_n_s16(static_cast<short>(query.threshold));
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += 8) {
    const std::uint8_t* part =
        block + item / kScanLane * 2 * kScanLane * (quads + octets) + item % kScanLane * 2;
    const int16x8_t sums = sums_of(part, quads, octets, query.weights);
    if (vmaxvq_u16(vcgeq_s16(sums, threshold)) == 0) continue;
    std::int16_t each[8];
    vst1q_s16(each, sums);
    for (std::size_t i = 0; i < 8; ++i) {
      found[count] = {static_cast<std::uint16_t>(item + i), each[i]};
      count += each[i] >= query.threshold ? 1 : 0;
    }
  }
  return count;
}

}  // namespace tessera
#endif
