// Compiled for AVX2 (see CMakeLists.txt): nothing here may run before scan_targets has found it, so
// no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX2__)
#include <immintrin.h>

namespace tessera {
namespace {

inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline int weights_of(const ScanQuery& query, std::size_t quad) {
  int four;
  __builtin_memcpy(&four, query.weights + quad * 4, 4);
  return four;
}

// A bit for each group of the block whose best corner and best codes reach the threshold.
inline unsigned groups_worth(const ScanBlock& block, const ScanQuery& query, __m128 best_table) {
  __m128i bounds = _mm_setzero_si128();
  for (std::size_t q = 0; q < query.quads; ++q) {
    const __m128i weights = _mm_set1_epi32(weights_of(query, q));
    const __m128i corners =
        _mm_blendv_epi8(load16(block.high + q * 16), load16(block.low + q * 16), weights);
    // Bytes below 128 times signed bytes: sums of two stay within 16 bits.
    const __m128i pairs = _mm_maddubs_epi16(corners, weights);
    bounds = _mm_add_epi32(bounds, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
  }
  const __m128 by_id = _mm_mul_ps(_mm_set1_ps(query.id_unit), _mm_cvtepi32_ps(bounds));
  return static_cast<unsigned>(_mm_movemask_ps(
      _mm_cmp_ps(_mm_add_ps(best_table, by_id), _mm_set1_ps(query.threshold), _CMP_GE_OQ)));
}

}  // namespace

// Without byte permutes over 256 entries look-ups are the costly half. They are made one by one,
// for the items alone whose ID part may still reach the threshold with the best codes there are.
std::size_t scan_avx2(const ScanBlock& block, const ScanQuery& query, std::uint16_t* found) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256 id_unit = _mm256_set1_ps(query.id_unit);
  const __m256 threshold = _mm256_set1_ps(query.threshold);
  const __m256 best_table = _mm256_set1_ps(query.table_unit * static_cast<float>(query.table_max));
  std::size_t count = 0;
  const unsigned groups = groups_worth(block, query, _mm256_castps256_ps128(best_table));
  for (std::size_t half = 0; half < kScanBlock / 32; ++half) {  // 32 items: half a group
    if ((groups >> half / 2 & 1) == 0) continue;
    __m256i id[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                     _mm256_setzero_si256()};
    const std::uint8_t* codes = block.codes + half / 2 * query.levels * kScanGroup;
    const std::uint8_t* bytes = block.ids + half / 2 * query.quads * 256 + half % 2 * 32;
    for (std::size_t q = 0; q < query.quads; ++q, bytes += 256) {
      const __m256i weights = _mm256_set1_epi32(weights_of(query, q));
      for (int part = 0; part < 4; ++part) {
        const __m256i pairs = _mm256_maddubs_epi16(load32(bytes + part * 64), weights);
        id[part] = _mm256_add_epi32(id[part], _mm256_madd_epi16(pairs, ones));
      }
    }
    for (unsigned part = 0; part < 4; ++part) {
      const __m256 by_id = _mm256_mul_ps(id_unit, _mm256_cvtepi32_ps(id[part]));
      const __m256 best = _mm256_add_ps(best_table, by_id);
      auto mask =
          static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(best, threshold, _CMP_GE_OQ)));
      if (mask == 0) continue;
      float parts[8];
      _mm256_storeu_ps(parts, by_id);
      for (; mask != 0; mask &= mask - 1) {
        const auto bit = static_cast<unsigned>(__builtin_ctz(mask));
        const std::size_t item = half * 32 + bit / 4 * 16 + part * 4 + bit % 4;
        std::uint32_t table = 0;
        for (std::size_t l = 0; l < query.levels; ++l) {
          table += query.tables[l * 256 + codes[l * kScanGroup + item % kScanGroup]];
        }
        const float by_table = query.table_unit * static_cast<float>(table);
        found[count] = static_cast<std::uint16_t>(item);
        count += by_table + parts[bit] >= query.threshold ? 1 : 0;
      }
    }
  }
  return count;
}

}  // namespace tessera
#endif
