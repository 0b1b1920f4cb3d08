#include "kernels/scan.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace tessera {
namespace {

// Where a field lies: in which byte of its item, and from which bit of it.
struct FieldPlace {
  std::size_t byte;
  unsigned shift;
};

FieldPlace place_of(const ScanShape& shape, std::size_t f) {
  const bool quad = f < 4 * shape.quads;
  const std::size_t of_octets = quad ? 0 : f - 4 * shape.quads;
  const std::size_t pair = quad ? f / 4 : shape.quads + of_octets / 8;
  const std::size_t within = quad ? f % 4 : of_octets % 8;
  return {2 * pair + within % 2, static_cast<unsigned>(within / 2 * (quad ? 4 : 2))};
}

// Byte `byte` of an item in its block.
std::size_t byte_of(const ScanShape& shape, std::size_t item, std::size_t byte) {
  const std::size_t lane = item / kScanLane * shape.groups() + byte / 4;
  return (lane * kScanLane + item % kScanLane) * 4 + byte % 4;
}

}  // namespace

void set_scan_field(const ScanShape& shape, std::uint8_t* block, std::size_t item, std::size_t f,
                    int value) {
  const FieldPlace place = place_of(shape, f);
  std::uint8_t& byte = block[byte_of(shape, item, place.byte)];
  byte = static_cast<std::uint8_t>(byte | value << place.shift);
}

ScanQuery scan_query(const ScanShape& shape, std::span<const std::int8_t> weights) {
  ScanQuery query;
  query.shape = shape;
  for (std::size_t f = 0; f < weights.size(); ++f) {
    const FieldPlace place = place_of(shape, f);
    ScanQuery::Pass& pass = query.passes[place.byte / 4][place.shift / 2];
    const auto byte = static_cast<unsigned>(place.byte % 4 * 8);
    pass.mask |= static_cast<std::uint32_t>(shape.largest(f)) << place.shift << byte;
    pass.weights |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(weights[f])) << byte;
  }
  return query;
}

std::size_t scan_portable(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; ++item) {
    int sum = 0;
    for (std::size_t byte = 0; byte < 4 * query.shape.groups(); ++byte) {
      const unsigned fields = block[byte_of(query.shape, item, byte)];
      const auto at = static_cast<unsigned>(byte % 4 * 8);
      for (unsigned p = 0; p < 4; ++p) {
        const ScanQuery::Pass& pass = query.passes[byte / 4][p];
        const auto weight = static_cast<std::int8_t>(pass.weights >> at);
        sum += weight * static_cast<int>((fields & pass.mask >> at) >> 2 * p);
      }
    }
    found[count] = {static_cast<std::uint16_t>(item), static_cast<std::int16_t>(sum)};
    count += sum >= query.threshold ? 1 : 0;
  }
  return count;
}

const std::vector<ScanTarget>& scan_targets() {
  static const std::vector<ScanTarget> targets = [] {
    std::vector<ScanTarget> list;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
      list.push_back({"AVX-512 VNNI", scan_avx512});
    }
    if (__builtin_cpu_supports("avx2")) list.push_back({"AVX2", scan_avx2});
#elif defined(__aarch64__)
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) list.push_back({"dotprod", scan_dotprod});
    list.push_back({"NEON", scan_neon});
#endif
    list.push_back({"portable", scan_portable});
    return list;
  }();
  return targets;
}

}  // namespace tessera
