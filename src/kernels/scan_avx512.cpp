// Compiled for AVX-512 with VNNI (see CMakeLists.txt): nothing here may run before scan_targets has
// found it, so no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX512VNNI__)
#include <immintrin.h>

namespace tessera {
namespace {

// A lane: what a pass needs is loaded once for all four vectors of it. (Members, as compilers keep
// an array in memory.)
struct Lane {
  __m512i a, b, c, d;
};
constexpr std::size_t kVector = kScanLane / 4;  // items of one

inline __m512i sum(__m512i sums, __m512i bytes, __m512i mask, __m512i weights) {
  return _mm512_dpbusd_epi32(sums, _mm512_and_si512(bytes, mask), weights);
}

// Adds the fields of a pass times their weights. The fields stay where they are in their bytes,
// which costs no shift: the sums are of 2^(first bit) times the fields.
inline void add_fields(Lane& sums, const Lane& bytes, const ScanQuery::Pass& pass) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(pass.mask));
  const __m512i weights = _mm512_set1_epi32(static_cast<int>(pass.weights));
  sums.a = sum(sums.a, bytes.a, mask, weights);
  sums.b = sum(sums.b, bytes.b, mask, weights);
  sums.c = sum(sums.c, bytes.c, mask, weights);
  sums.d = sum(sums.d, bytes.d, mask, weights);
}

inline Lane load(const std::uint8_t* group) {
  return {_mm512_loadu_si512(group), _mm512_loadu_si512(group + 64),
          _mm512_loadu_si512(group + 128), _mm512_loadu_si512(group + 192)};
}

inline __m512i total(__m512i at_0, __m512i at_2, __m512i at_4, __m512i at_6) {
  const __m512i even = _mm512_add_epi32(at_0, _mm512_srai_epi32(at_4, 4));
  const __m512i odd = _mm512_add_epi32(at_2, _mm512_srai_epi32(at_6, 4));
  return _mm512_add_epi32(even, _mm512_srai_epi32(odd, 2));
}

// Writes those of a vector that reach the threshold, and returns how many.
inline std::size_t write(__m512i sums, __m512i threshold, std::size_t item, ScanHit* found) {
  auto mask = static_cast<unsigned>(_mm512_cmpge_epi32_mask(sums, threshold));
  if (mask == 0) return 0;
  alignas(64) int each[kVector];
  _mm512_store_si512(each, sums);
  std::size_t count = 0;
  for (; mask != 0; mask &= mask - 1) {
    const auto i = static_cast<std::size_t>(__builtin_ctz(mask));
    found[count++] = {static_cast<std::uint16_t>(item + i), static_cast<std::int16_t>(each[i])};
  }
  return count;
}

}  // namespace

std::size_t scan_avx512(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t quad_groups = query.shape.quads / 2;
  const std::size_t groups = (query.shape.quads + query.shape.octets + 1) / 2;
  const __m512i threshold = _mm512_set1_epi32(query.threshold);
  const __m512i zero = _mm512_setzero_si512();
  ScanHit* next = found;
  for (std::size_t item = 0; item < kScanBlock; item += kScanLane) {
    Lane at_0{zero, zero, zero, zero};
    Lane at_2 = at_0;
    Lane at_4 = at_0;
    Lane at_6 = at_0;
    std::size_t g = 0;
    for (; g < quad_groups; ++g, block += 4 * kScanLane) {
      const Lane bytes = load(block);
      add_fields(at_0, bytes, query.passes[g][0]);
      add_fields(at_4, bytes, query.passes[g][2]);
    }
    for (; g < groups; ++g, block += 4 * kScanLane) {
      const Lane bytes = load(block);
      add_fields(at_0, bytes, query.passes[g][0]);
      add_fields(at_2, bytes, query.passes[g][1]);
      add_fields(at_4, bytes, query.passes[g][2]);
      add_fields(at_6, bytes, query.passes[g][3]);
    }
    next += write(total(at_0.a, at_2.a, at_4.a, at_6.a), threshold, item, next);
    next += write(total(at_0.b, at_2.b, at_4.b, at_6.b), threshold, item + kVector, next);
    next += write(total(at_0.c, at_2.c, at_4.c, at_6.c), threshold, item + 2 * kVector, next);
    next += write(total(at_0.d, at_2.d, at_4.d, at_6.d), threshold, item + 3 * kVector, next);
  }
  return static_cast<std::size_t>(next - found);
}

}  // namespace tessera
#endif
