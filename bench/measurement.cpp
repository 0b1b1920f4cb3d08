#include "bench/measurement.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera {

nlohmann::json to_json(const Machine& machine, const std::vector<Measurement>& results) {
  nlohmann::json list = nlohmann::json::array();
  for (const Measurement& result : results) {
    list.push_back({{"name", result.name},
                    {"median", result.median},
                    {"min", result.min},
                    {"max", result.max},
                    {"unit", result.unit}});
  }
  return {{"machine",
           {{"cpu", machine.cpu},
            {"cpus", machine.cpus},
            {"threads", machine.threads},
            {"read_bandwidth_gbs", machine.read_bandwidth_gbs},
            {"vectors", machine.paths.vectors},
            {"scans", machine.paths.scans},
            {"products", machine.paths.products},
            {"bf16", machine.paths.bf16}}},
          {"gemm_peak_gflops", machine.gemm_peak_gflops},
          {"results", list}};
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

}  // namespace tessera
