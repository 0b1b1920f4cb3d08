// Compiled for AVX-512 with VL, VBMI and VNNI (see CMakeLists.txt): nothing here may run before
// scan_targets has found them, so no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace tessera {
namespace {

inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

// The weights of four dimensions, in every lane of 32 bits.
inline int weights_of(const ScanQuery& query, std::size_t quad) {
  int four;
  __builtin_memcpy(&four, query.weights + quad * 4, 4);
  return four;
}

// What the ID part of each group of the block can reach, in its corner: at most this much.
inline __m128 group_bounds(const ScanBlock& block, const ScanQuery& query) {
  __m128i bounds = _mm_setzero_si128();
  for (std::size_t q = 0; q < query.quads; ++q) {
    const __m128i weights = _mm_set1_epi32(weights_of(query, q));
    const __m128i corners =
        _mm_blendv_epi8(load16(block.high + q * 16), load16(block.low + q * 16), weights);
    bounds = _mm_dpbusd_epi32(bounds, corners, weights);
  }
  return _mm_mul_ps(_mm_set1_ps(query.id_unit), _mm_cvtepi32_ps(bounds));
}

// The bytes of a table of 256 at 64 codes.
inline __m512i look_up(const std::uint8_t* table, __m512i codes) {
  const __m512i low =
      _mm512_permutex2var_epi8(_mm512_loadu_si512(table), codes, _mm512_loadu_si512(table + 64));
  const __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), codes,
                                                _mm512_loadu_si512(table + 192));
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high);
}

}  // namespace

// Look-ups come first: they read fewer bytes than ID vectors do, and few groups hold an item whose
// codes and the group's best corner together reach the threshold.
std::size_t scan_avx512(const ScanBlock& block, const ScanQuery& query, std::uint16_t* found) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512 table_unit = _mm512_set1_ps(query.table_unit);
  const __m512 id_unit = _mm512_set1_ps(query.id_unit);
  const __m512 threshold = _mm512_set1_ps(query.threshold);
  const __m128 by_corner = group_bounds(block, query);
  const __m128 best_table = _mm_set1_ps(query.table_unit * static_cast<float>(query.table_max));
  unsigned groups = _mm_cmp_ps_mask(_mm_add_ps(best_table, by_corner),
                                    _mm512_castps512_ps128(threshold), _CMP_GE_OQ);
  if (groups == 0) return 0;
  float corner[4];
  _mm_storeu_ps(corner, by_corner);
  std::size_t count = 0;
  for (; groups != 0; groups &= groups - 1) {
    const auto g = static_cast<std::size_t>(__builtin_ctz(groups));
    __m512i low = zero;  // 16-bit sums of the tables' bytes
    __m512i high = zero;
    const std::uint8_t* codes = block.codes + g * query.levels * kScanGroup;
    for (std::size_t l = 0; l < query.levels; ++l) {
      const __m512i bytes =
          look_up(query.tables + l * 256, _mm512_loadu_si512(codes + l * kScanGroup));
      low = _mm512_add_epi16(low, _mm512_unpacklo_epi8(bytes, zero));
      high = _mm512_add_epi16(high, _mm512_unpackhi_epi8(bytes, zero));
    }
    // The largest table sum of the group, and with it the group's best corner.
    const __m512i larger = _mm512_max_epu16(low, high);
    __m256i most =
        _mm256_max_epu16(_mm512_castsi512_si256(larger), _mm512_extracti64x4_epi64(larger, 1));
    const __m128i last =
        _mm_max_epu16(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    // minpos of the complement is the maximum.
    const int largest =
        0xFFFF - _mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(last, _mm_set1_epi8(-1))), 0);
    if (!(query.table_unit * static_cast<float>(largest) + corner[g] >= query.threshold)) continue;

    __m512i id[4] = {zero, zero, zero, zero};
    const std::uint8_t* bytes = block.ids + g * query.quads * 256;
    for (std::size_t q = 0; q < query.quads; ++q, bytes += 256) {
      const __m512i weights = _mm512_set1_epi32(weights_of(query, q));
      for (int part = 0; part < 4; ++part) {
        id[part] = _mm512_dpbusd_epi32(id[part], _mm512_loadu_si512(bytes + part * 64), weights);
      }
    }
    const __m512i table[4] = {_mm512_unpacklo_epi16(low, zero), _mm512_unpackhi_epi16(low, zero),
                              _mm512_unpacklo_epi16(high, zero), _mm512_unpackhi_epi16(high, zero)};
    for (unsigned part = 0; part < 4; ++part) {
      const __m512 sum = _mm512_add_ps(_mm512_mul_ps(table_unit, _mm512_cvtepi32_ps(table[part])),
                                       _mm512_mul_ps(id_unit, _mm512_cvtepi32_ps(id[part])));
      unsigned mask = _mm512_cmp_ps_mask(sum, threshold, _CMP_GE_OQ);
      for (; mask != 0; mask &= mask - 1) {
        const auto bit = static_cast<unsigned>(__builtin_ctz(mask));
        found[count++] =
            static_cast<std::uint16_t>(g * kScanGroup + bit / 4 * 16 + part * 4 + bit % 4);
      }
    }
  }
  return count;
}

}  // namespace tessera
#endif
