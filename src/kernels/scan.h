#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera {

/// Items of a block, the unit that a search scans or skips, and how many lie side by side in it.
inline constexpr std::size_t kScanBlock = 256;
inline constexpr std::size_t kScanLane = 32;

/// Which fields an item has: four of 4 bits for each quad, behind them eight of 2 bits for each
/// octet.
struct ScanShape {
  std::size_t quads = 0, octets = 0;

  constexpr std::size_t fields() const { return 4 * quads + 8 * octets; }
  /// The largest value of field `f`.
  constexpr int largest(std::size_t f) const { return f < 4 * quads ? 15 : 3; }
  constexpr std::size_t block_bytes() const { return kScanBlock * 2 * (quads + octets); }
};

/// Sets field `f` of item `item` of a block [shape.block_bytes()], which was zero. Two bytes hold a
/// quad or an octet of an item, and those of kScanLane items lie together: as 16-bit numbers they
/// stand in the order of the items, for vectors of every width.
void set_scan_field(const ScanShape& shape, std::uint8_t* block, std::size_t item, std::size_t f,
                    int value);

/// What a scan looks for: items whose sum Σ_f weights[f] · field_f reaches the threshold.
/// Σ_f |weights[f]| · largest(f) must be below 2^15.
struct ScanQuery {
  ScanShape shape;
  const std::int8_t* weights = nullptr;  ///< [shape.fields()], above -128
  int threshold = 0;                     ///< in [-2^15, 2^15)
};

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
  const char* name;  ///< "AVX-512", "AVX2", "dotprod", "NEON", "portable"
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
