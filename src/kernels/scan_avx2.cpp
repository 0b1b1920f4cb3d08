// Compiled for AVX2 (see CMakeLists.txt): nothing here may run before scan_targets has found it, so
// no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX2__)
#include <immintrin.h>

namespace tessera {
namespace {

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// Two neighbouring weights, beside the two bytes of every item.
inline __m256i weights_at(const std::int8_t* weights) {
  short two;
  __builtin_memcpy(&two, weights, 2);
  return _mm256_set1_epi16(two);
}

// sums += the fields from bit `kShift` of each byte, times their weights.
template <int kShift>
inline __m256i add_fields(__m256i sums, __m256i bytes, __m256i mask, const std::int8_t* weights) {
  const __m256i fields = _mm256_and_si256(_mm256_srli_epi16(bytes, kShift), mask);
  return _mm256_add_epi16(sums, _mm256_maddubs_epi16(fields, weights_at(weights)));
}

// The sums of the 16 items whose first bytes are at `half`.
inline __m256i sums_of(const std::uint8_t* half, std::size_t quads, std::size_t octets,
                       const std::int8_t* weights) {
  const __m256i four_bits = _mm256_set1_epi8(15);
  const __m256i two_bits = _mm256_set1_epi8(3);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  for (std::size_t q = 0; q < quads; ++q, half += 2 * kScanLane, weights += 4) {
    const __m256i bytes = load(half);
    even = add_fields<0>(even, bytes, four_bits, weights);
    odd = add_fields<4>(odd, bytes, four_bits, weights + 2);
  }
  for (std::size_t o = 0; o < octets; ++o, half += 2 * kScanLane, weights += 8) {
    const __m256i bytes = load(half);
    even = add_fields<0>(even, bytes, two_bits, weights);
    odd = add_fields<2>(odd, bytes, two_bits, weights + 2);
    even = add_fields<4>(even, bytes, two_bits, weights + 4);
    odd = add_fields<6>(odd, bytes, two_bits, weights + 6);
  }
  return _mm256_add_epi16(even, odd);
}

}  // namespace

std::size_t scan_avx2(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t quads = query.shape.quads;
  const std::size_t octets = query.shape.octets;
  // sum >= threshold, as sum > threshold - 1; the least threshold lets everything pass.
  const bool all = query.threshold <= -32768;
  const __m256i below = _mm256_set1_epi16(static_cast<short>(all ? 0 : query.threshold - 1));
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += 16) {
    const std::uint8_t* half =
        block + item / kScanLane * 2 * kScanLane * (quads + octets) + item % kScanLane * 2;
    const __m256i sums = sums_of(half, quads, octets, query.weights);
    auto mask = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpgt_epi16(sums, below)));
    if (all) mask = ~0U;
    if (mask == 0) continue;
    alignas(32) std::int16_t each[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(each), sums);
    for (mask &= 0x55555555U; mask != 0; mask &= mask - 1) {
      const auto i = static_cast<std::size_t>(__builtin_ctz(mask)) / 2;
      found[count++] = {static_cast<std::uint16_t>(item + i), each[i]};
    }
  }
  return count;
}

}  // namespace tessera
#endif
