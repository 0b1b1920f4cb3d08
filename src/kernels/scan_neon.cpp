// Every 64-bit ARM has NEON, but the portable files are compiled without intrinsics.
#include "kernels/scan.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace tessera {
namespace {

constexpr std::size_t kItems = 4;  // of a vector

// Four sums of 16 bits an item.
struct Sums {
  int16x8_t low, high;
};

// Adds the fields of a pass, which begin at bit `shift`, times their weights.
inline void add_fields(Sums& sums, uint8x16_t bytes, const ScanQuery::Pass& pass, int shift) {
  const int8x16_t right = vdupq_n_s8(static_cast<std::int8_t>(-shift));
  const uint8x16_t mask = vreinterpretq_u8_u32(vdupq_n_u32(pass.mask >> shift));
  const int8x16_t weights = vreinterpretq_s8_u32(vdupq_n_u32(pass.weights));
  const int8x16_t fields = vreinterpretq_s8_u8(vandq_u8(vshlq_u8(bytes, right), mask));
  sums.low = vmlal_s8(sums.low, vget_low_s8(fields), vget_low_s8(weights));
  sums.high = vmlal_high_s8(sums.high, fields, weights);
}

}  // namespace

std::size_t scan_neon(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t groups = query.shape.groups();
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += kItems) {
    const std::uint8_t* group =
        block + (item / kScanLane * groups * kScanLane + item % kScanLane) * 4;
    Sums sums = {vdupq_n_s16(0), vdupq_n_s16(0)};
    for (std::size_t g = 0; g < groups; ++g, group += 4 * kScanLane) {
      const uint8x16_t bytes = vld1q_u8(group);
      for (int p = 0; p < 4; ++p) {
        if (query.passes[g][p].mask != 0) add_fields(sums, bytes, query.passes[g][p], 2 * p);
      }
    }
    const int32x4_t each = vpaddq_s32(vpaddlq_s16(sums.low), vpaddlq_s16(sums.high));
    if (vmaxvq_s32(each) < query.threshold) continue;
    std::int32_t stored[kItems];
    vst1q_s32(stored, each);
    for (std::size_t i = 0; i < kItems; ++i) {
      found[count] = {static_cast<std::uint16_t>(item + i), static_cast<std::int16_t>(stored[i])};
      count += stored[i] >= query.threshold ? 1 : 0;
    }
  }
  return count;
}

}  // namespace tessera
#endif
