// Compiled for AVX2 (see CMakeLists.txt): nothing here may run before scan_targets has found it, so
// no inline function of another header is used.
#include "kernels/scan.h"

#if defined(__AVX2__)
#include <immintrin.h>

namespace tessera {
namespace {

constexpr std::size_t kVector = 8;  // items of one
// Of four vectors that are scanned side by side: what a pass needs is then loaded once for all of
// them. (Members, as compilers keep an array in memory.)
struct Vectors {
  __m256i a, b, c, d;
};
constexpr std::size_t kItems = 4 * kVector;

template <int kShift>
inline __m256i sum(__m256i sums, __m256i bytes, __m256i mask, __m256i weights) {
  const __m256i fields = _mm256_and_si256(_mm256_srli_epi16(bytes, kShift), mask);
  return _mm256_add_epi16(sums, _mm256_maddubs_epi16(fields, weights));
}

// Adds the fields of a pass, which begin at bit `kShift`, times their weights: two sums of 16 bits
// an item.
template <int kShift>
inline void add_fields(Vectors& sums, const Vectors& bytes, const ScanQuery::Pass& pass) {
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(pass.mask >> kShift));
  const __m256i weights = _mm256_set1_epi32(static_cast<int>(pass.weights));
  sums.a = sum<kShift>(sums.a, bytes.a, mask, weights);
  sums.b = sum<kShift>(sums.b, bytes.b, mask, weights);
  sums.c = sum<kShift>(sums.c, bytes.c, mask, weights);
  sums.d = sum<kShift>(sums.d, bytes.d, mask, weights);
}

inline __m256i load(const std::uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

inline Vectors load_four(const std::uint8_t* from) {
  return {load(from), load(from + 32), load(from + 64), load(from + 96)};
}

// Writes those of a vector whose sum is above `below`, and returns how many.
inline std::size_t write(__m256i halves, __m256i below, std::size_t item, ScanHit* found) {
  const __m256i sums = _mm256_madd_epi16(halves, _mm256_set1_epi16(1));
  const __m256i good = _mm256_cmpgt_epi32(sums, below);
  auto mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(good)));
  if (mask == 0) return 0;
  alignas(32) int each[kVector];
  _mm256_store_si256(reinterpret_cast<__m256i*>(each), sums);
  std::size_t count = 0;
  for (; mask != 0; mask &= mask - 1) {
    const auto i = static_cast<std::size_t>(__builtin_ctz(mask));
    found[count++] = {static_cast<std::uint16_t>(item + i), static_cast<std::int16_t>(each[i])};
  }
  return count;
}

}  // namespace

std::size_t scan_avx2(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  const std::size_t quad_groups = query.shape.quads / 2;
  const std::size_t groups = (query.shape.quads + query.shape.octets + 1) / 2;
  const __m256i below = _mm256_set1_epi32(query.threshold - 1);  // sum >= threshold: sum > this
  const __m256i zero = _mm256_setzero_si256();
  ScanHit* next = found;
  for (std::size_t item = 0; item < kScanBlock; item += kItems) {
    const std::uint8_t* group =
        block + (item / kScanLane * groups * kScanLane + item % kScanLane) * 4;
    Vectors sums{zero, zero, zero, zero};
    std::size_t g = 0;
    for (; g < quad_groups; ++g, group += 4 * kScanLane) {
      const Vectors bytes = load_four(group);
      add_fields<0>(sums, bytes, query.passes[g][0]);
      add_fields<4>(sums, bytes, query.passes[g][2]);
    }
    for (; g < groups; ++g, group += 4 * kScanLane) {
      const Vectors bytes = load_four(group);
      add_fields<0>(sums, bytes, query.passes[g][0]);
      add_fields<2>(sums, bytes, query.passes[g][1]);
      add_fields<4>(sums, bytes, query.passes[g][2]);
      add_fields<6>(sums, bytes, query.passes[g][3]);
    }
    next += write(sums.a, below, item, next);
    next += write(sums.b, below, item + kVector, next);
    next += write(sums.c, below, item + 2 * kVector, next);
    next += write(sums.d, below, item + 3 * kVector, next);
  }
  return static_cast<std::size_t>(next - found);
}

}  // namespace tessera
#endif
