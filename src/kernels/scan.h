#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera {

/// Items of a block, the unit that a search scans or skips, and how many lie side by side in it.
inline constexpr std::size_t kScanBlock = 256;
inline constexpr std::size_t kScanLane = 64;
/// The most bytes of an item's fields, in fours.
inline constexpr std::size_t kMostScanGroups = 8;

/// Which fields an item has: four of 4 bits for each quad, behind them eight of 2 bits for each
/// octet.
struct ScanShape {
  std::size_t quads = 0, octets = 0;

  constexpr std::size_t fields() const { return 4 * quads + 8 * octets; }
  /// The largest value of field `f`.
  constexpr int largest(std::size_t f) const { return f < 4 * quads ? 15 : 3; }
  /// Bytes of an item in fours, at most kMostScanGroups: a quad or an octet takes two.
  constexpr std::size_t groups() const { return (quads + octets + 1) / 2; }
  constexpr std::size_t block_bytes() const { return kScanBlock * 4 * groups(); }
};

/// Sets field `f` of item `item` of a block [shape.block_bytes()], which was zero. Four bytes of an
/// item lie together, and so do those of kScanLane items: as 32-bit numbers they stand in the order
/// of the items, for vectors of every width, and products of four bytes at a time add up an item's
/// own.
void set_scan_field(const ScanShape& shape, std::uint8_t* block, std::size_t item, std::size_t f,
                    int value);

/// What a scan looks for: items whose sum Σ_f weight_f · field_f reaches the threshold.
struct ScanQuery {
  /// Fields that begin at the same bit of their bytes, of four bytes at a time.
  struct Pass {
    std::uint32_t mask = 0;     ///< where they lie
    std::uint32_t weights = 0;  ///< four signed bytes
  };
  ScanShape shape;
  Pass passes[kMostScanGroups][4];  ///< of each group, by the fields' first bit: 0, 2, 4 and 6
  int threshold = 0;                ///< in [-2^15, 2^15]
};
/// `weights` [shape.fields()] are above -128, and Σ_f |weights[f]| · largest(f) is below 2^15. The
/// threshold is left to the caller.
ScanQuery scan_query(const ScanShape& shape, std::span<const std::int8_t> weights);

/// An item found: its place in the block, and its sum.
struct ScanHit {
  std::uint16_t place;
  std::int16_t sum;
};

/// Writes the items found to `found` [kScanBlock], in the order of their places, and returns how
/// many. All implementations find the same: the sums are integers.
using ScanFunction = std::size_t (*)(const std::uint8_t* block, const ScanQuery& query,
                                     ScanHit* found);

struct ScanTarget {
  const char* name;  ///< "AVX-512 VNNI", "AVX2", "dotprod", "NEON", "portable"
  ScanFunction scan;
};
/// Those that this CPU can run, the fastest first; the portable one is always there.
const std::vector<ScanTarget>& scan_targets();

// One file each, compiled for that instruction set. Only scan_targets knows whether they may run.
std::size_t scan_portable(const std::uint8_t* block, const ScanQuery& query, ScanHit* found);
std::size_t scan_avx2(const std::uint8_t* block, const ScanQuery& query, ScanHit* found);
std::size_t scan_avx512(const std::uint8_t* block, const ScanQuery& query, ScanHit* found);
std::size_t scan_neon(const std::uint8_t* block, const ScanQuery& query, ScanHit* found);
std::size_t scan_dotprod(const std::uint8_t* block, const ScanQuery& query, ScanHit* found);

}  // namespace tessera
