// Compiled for ARM's dot products (see CMakeLists.txt): nothing here may run before scan_targets
// has found them, so no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

namespace tessera {
namespace {

constexpr std::size_t kVector = 4;  // items of one
// Of four vectors that are scanned side by side: what a pass needs is then loaded once for all of
// them. (Members, as compilers keep an array in memory.)
struct Sums {
  int32x4_t a, b, c, d;
};
constexpr std::size_t kItems = 4 * kVector;

inline int32x4_t sum(int32x4_t sums, uint8x16_t bytes, int8x16_t right, uint8x16_t mask,
                     int8x16_t weights) {
  const uint8x16_t fields = vandq_u8(vshlq_u8(bytes, right), mask);
  return vdotq_s32(sums, vreinterpretq_s8_u8(fields), weights);
}

// Adds the fields of a pass, which begin at bit `shift`, times their weights.
inline void add_fields(Sums& sums, const uint8x16x4_t& bytes, const ScanQuery::Pass& pass,
                       int shift) {
  const int8x16_t right = vdupq_n_s8(static_cast<std::int8_t>(-shift));
  const uint8x16_t mask = vreinterpretq_u8_u32(vdupq_n_u32(pass.mask >> shift));
  const int8x16_t weights = vreinterpretq_s8_u32(vdupq_n_u32(pass.weights));
  sums.a = sum(sums.a, bytes.val[0], right, mask, weights);
  sums.b = sum(sums.b, bytes.val[1], right, mask, weights);
  sums.c = sum(sums.c, bytes.val[2], right, mask, weights);
  sums.d = sum(sums.d, bytes.val[3], right, mask, weights);
}

}  // namespace

std::size_t scan_dotprod(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t groups = (query.shape.quads + query.shape.octets + 1) / 2;
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += kItems) {
    const std::uint8_t* group =
        block + (item / kScanLane * groups * kScanLane + item % kScanLane) * 4;
    const int32x4_t zero = vdupq_n_s32(0);
    Sums sums{zero, zero, zero, zero};
    for (std::size_t g = 0; g < groups; ++g, group += 4 * kScanLane) {
      const uint8x16x4_t bytes = vld1q_u8_x4(group);
      for (int p = 0; p < 4; ++p) {
        if (query.passes[g][p].mask != 0) add_fields(sums, bytes, query.passes[g][p], 2 * p);
      }
    }
    std::int32_t each[kItems];
    vst1q_s32(each, sums.a);
    vst1q_s32(each + kVector, sums.b);
    vst1q_s32(each + 2 * kVector, sums.c);
    vst1q_s32(each + 3 * kVector, sums.d);
    const int32x4_t highest = vmaxq_s32(vmaxq_s32(sums.a, sums.b), vmaxq_s32(sums.c, sums.d));
    if (vmaxvq_s32(highest) < query.threshold) continue;
    for (std::size_t i = 0; i < kItems; ++i) {
      found[count] = {static_cast<std::uint16_t>(item + i), static_cast<std::int16_t>(each[i])};
      count += each[i] >= query.threshold ? 1 : 0;
    }
  }
  return count;
}

}  // namespace tessera
#endif
