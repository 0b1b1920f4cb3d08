// Compiled for AVX-512 with BW (see CMakeLists.txt): nothing here may run before scan_targets has
// found it, so no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX512BW__)
#include <immintrin.h>

namespace tessera {
namespace {

// Two neighbouring weights, beside the two bytes of every item.
inline __m512i weights_at(const std::int8_t* weights) {
  short two;
  __builtin_memcpy(&two, weights, 2);
  return _mm512_set1_epi16(two);
}

// sums += the fields from bit `kShift` of each byte, times their weights.
template <int kShift>
inline __m512i add_fields(__m512i sums, __m512i bytes, __m512i mask, const std::int8_t* weights) {
  const __m512i fields = _mm512_and_si512(_mm512_srli_epi16(bytes, kShift), mask);
  return _mm512_add_epi16(sums, _mm512_maddubs_epi16(fields, weights_at(weights)));
}

// The sums of kScanLane items.
inline __m512i sums_of(const std::uint8_t* lane, std::size_t quads, std::size_t octets,
                       const std::int8_t* weights) {
  const __m512i four_bits = _mm512_set1_epi8(15);
  const __m512i two_bits = _mm512_set1_epi8(3);
  __m512i even = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();
  for (std::size_t q = 0; q < quads; ++q, lane += 2 * kScanLane, weights += 4) {
    const __m512i bytes = _mm512_loadu_si512(lane);
    even = add_fields<0>(even, bytes, four_bits, weights);
    odd = add_fields<4>(odd, bytes, four_bits, weights + 2);
  }
  for (std::size_t o = 0; o < octets; ++o, lane += 2 * kScanLane, weights += 8) {
    const __m512i bytes = _mm512_loadu_si512(lane);
    even = add_fields<0>(even, bytes, two_bits, weights);
    odd = add_fields<2>(odd, bytes, two_bits, weights + 2);
    even = add_fields<4>(even, bytes, two_bits, weights + 4);
    odd = add_fields<6>(odd, bytes, two_bits, weights + 6);
  }
  return _mm512_add_epi16(even, odd);
}

}  // namespace

std::size_t scan_avx512(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const __m512i threshold = _mm512_set1_epi16(static_cast<short>(query.threshold));
  const std::size_t lane_bytes = 2 * kScanLane * (query.shape.quads + query.shape.octets);
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; item += kScanLane, block += lane_bytes) {
    const __m512i sums = sums_of(block, query.shape.quads, query.shape.octets, query.weights);
    auto mask = static_cast<unsigned>(_mm512_cmpge_epi16_mask(sums, threshold));
    if (mask == 0) continue;
    alignas(64) std::int16_t each[kScanLane];
    _mm512_store_si512(each, sums);
    for (; mask != 0; mask &= mask - 1) {
      const auto i = static_cast<std::size_t>(__builtin_ctz(mask));
      found[count++] = {static_cast<std::uint16_t>(item + i), each[i]};
    }
  }
  return count;
}

}  // namespace tessera
#endif
