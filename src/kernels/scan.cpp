#include "kernels/scan.h"

namespace tessera {

std::size_t scan_portable(const ScanBlock& block, const ScanQuery& query, std::uint16_t* found) {
  const float best_table = query.table_unit * static_cast<float>(query.table_max);
  std::size_t count = 0;
  for (std::size_t g = 0; g < kScanBlock / kScanGroup; ++g) {
    std::int32_t bound = 0;
    for (std::size_t d = 0; d < 4 * query.quads; ++d) {
      const std::size_t at = (d / 4 * 4 + g) * 4 + d % 4;
      bound += query.weights[d] * (query.weights[d] < 0 ? block.low : block.high)[at];
    }
    if (!(best_table + query.id_unit * static_cast<float>(bound) >= query.threshold)) continue;
    for (std::size_t i = g * kScanGroup; i < (g + 1) * kScanGroup; ++i) {
      std::int32_t id = 0;
      for (std::size_t d = 0; d < 4 * query.quads; ++d) {
        id += query.weights[d] * block.ids[scan_place(i, d, query.quads)];
      }
      const float by_id = query.id_unit * static_cast<float>(id);
      if (!(best_table + by_id >= query.threshold)) continue;
      std::uint32_t table = 0;
      for (std::size_t l = 0; l < query.levels; ++l) {
        const std::size_t at = (g * query.levels + l) * kScanGroup + i % kScanGroup;
        table += query.tables[l * 256 + block.codes[at]];
      }
      const float by_table = query.table_unit * static_cast<float>(table);
      found[count] = static_cast<std::uint16_t>(i);
      count += by_table + by_id >= query.threshold ? 1 : 0;
    }
  }
  return count;
}

const std::vector<ScanTarget>& scan_targets() {
  static const std::vector<ScanTarget> targets = [] {
    std::vector<ScanTarget> list;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vnni")) {
      list.push_back({"AVX-512 VBMI", scan_avx512});
    }
    if (__builtin_cpu_supports("avx2")) list.push_back({"AVX2", scan_avx2});
#endif
    list.push_back({"portable", scan_portable});
    return list;
  }();
  return targets;
}

}  // namespace tessera
