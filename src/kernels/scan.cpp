#include "kernels/scan.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace tessera {
namespace {

// Where a field lies: in which byte of its block, and from which bit of it.
struct FieldPlace {
  std::size_t byte;
  unsigned shift;
};

// Neighbouring fields lie in the two bytes of an item, so that multiplying pairs of bytes and
// adding them up, as vector instructions do, adds up an item's own.
FieldPlace place_of(const ScanShape& shape, std::size_t item, std::size_t f) {
  const bool quad = f < 4 * shape.quads;
  const std::size_t of_octets = quad ? 0 : f - 4 * shape.quads;
  const std::size_t group = quad ? f / 4 : shape.quads + of_octets / 8;
  const std::size_t within = quad ? f % 4 : of_octets % 8;
  const std::size_t lane = item / kScanLane * (shape.quads + shape.octets) + group;
  return {lane * 2 * kScanLane + item % kScanLane * 2 + within % 2,
          static_cast<unsigned>(within / 2 * (quad ? 4 : 2))};
}

}  // namespace

void set_scan_field(const ScanShape& shape, std::uint8_t* block, std::size_t item, std::size_t f,
                    int value) {
  const FieldPlace place = place_of(shape, item, f);
  block[place.byte] = static_cast<std::uint8_t>(block[place.byte] | value << place.shift);
}

std::size_t scan_portable(const std::uint8_t* block, const ScanQuery& query, ScanHit* found) {
  std::size_t count = 0;
  for (std::size_t item = 0; item < kScanBlock; ++item) {
    int sum = 0;
    for (std::size_t f = 0; f < query.shape.fields(); ++f) {
      const FieldPlace place = place_of(query.shape, item, f);
      sum += query.weights[f] * (block[place.byte] >> place.shift & query.shape.largest(f));
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
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
      list.push_back({"AVX-512", scan_avx512});
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
