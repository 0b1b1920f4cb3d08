#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include "bench/machine.h"

namespace tessera {

/// One figure, measured several times.
struct Measurement {
  std::string name;
  std::string unit;
  double median = 0, min = 0, max = 0;

  Measurement() = default;
  Measurement(std::string what, std::string in, std::vector<double> values)
      : name(std::move(what)), unit(std::move(in)) {
    std::ranges::sort(values);
    if (values.empty()) return;
    median = values[values.size() / 2];
    min = values.front();
    max = values.back();
  }
};

/// {"machine": {…}, "gemm_peak_gflops", "results": [{"name", "median", "min", "max", "unit"}]}
nlohmann::json to_json(const Machine& machine, const std::vector<Measurement>& results);

/// The value below which a share of the values lies (nearest rank). `values` not empty.
double quantile(std::vector<double> values, double share);

}  // namespace tessera
