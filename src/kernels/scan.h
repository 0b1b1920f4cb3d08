#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera {

/// Items of a block, the unit that a search scans or skips, and of a group, a quarter of it.
inline constexpr std::size_t kScanBlock = 256;
inline constexpr std::size_t kScanGroup = 64;

/// A block of items as bytes. Item i of group g has the codes codes[(g · levels + l) · kScanGroup +
/// i], and item i of the block the ID vector whose dimension d, a number below 128, is
/// ids[scan_place(i, d, quads)]. All ID vectors of group
/// g lie between the corners low and high, dimension d at [(d / 4 · 4 + g) · 4 + d % 4].
struct ScanBlock {
  const std::uint8_t* codes;
  const std::uint8_t* ids;
  const std::uint8_t *low, *high;
};

/// Where a block keeps dimension `dim` of item `item` with `quads` groups of four dimensions: four
/// dimensions of an item lie together, and the items in the order in which 32-bit sums of them meet
/// sums of bytes widened by unpack instructions, for vectors of every width.
constexpr std::size_t scan_place(std::size_t item, std::size_t dim, std::size_t quads) {
  const std::size_t group = item / kScanGroup;
  const std::size_t lane = item % kScanGroup / 16;
  const std::size_t part = item % 16 / 4;
  return ((group * quads + dim / 4) * 4 + part) * 64 + lane * 16 + item % 4 * 4 + dim % 4;
}

/// What a scan looks for: items with
///   table_unit · Σ_l tables[l · 256 + code_l] + id_unit · Σ_d weights[d] · id_d ≥ threshold,
/// in single precision, every operation rounded. The sums themselves are exact: fewer than 257
/// levels and 2^17 dimensions. `table_max` bounds the sum over the levels.
struct ScanQuery {
  std::size_t levels = 0, quads = 0;
  const std::uint8_t* tables = nullptr;  ///< [levels, 256]
  const std::int8_t* weights = nullptr;  ///< [4 · quads]
  float table_unit = 0, id_unit = 0, threshold = 0;
  std::uint32_t table_max = 0;
};

/// Writes the places (below kScanBlock) of the items found to `found`, in any order, and returns
/// how many. All implementations find the same items.
using ScanFunction = std::size_t (*)(const ScanBlock& block, const ScanQuery& query,
                                     std::uint16_t* found);

struct ScanTarget {
  const char* name;  ///< "AVX-512 VBMI", "AVX2", "portable"
  ScanFunction scan;
};
/// Those that this CPU can run, the fastest first; the portable one is always there.
const std::vector<ScanTarget>& scan_targets();

// One file each, compiled for that instruction set. Only scan_targets knows whether they may run.
std::size_t scan_portable(const ScanBlock&, const ScanQuery&, std::uint16_t* found);
std::size_t scan_avx2(const ScanBlock&, const ScanQuery&, std::uint16_t* found);
std::size_t scan_avx512(const ScanBlock&, const ScanQuery&, std::uint16_t* found);

}  // namespace tessera
