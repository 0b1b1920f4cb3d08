#pragma once
#include <functional>

#include "bench/measurement.h"
#include "data/negatives.h"
#include "model/settings.h"

namespace tessera {

struct TrainBenchmarkOptions {
  Settings settings;
  std::size_t epochs = 3;
  std::vector<int> threads = {0};  ///< numbers of threads to measure with; 0: all CPUs
  std::function<void(const std::string& line)> report;  ///< told each figure as it is known
};

/// Trains and validates epochs of a fresh model as `train` does, writing nothing, and tells where
/// the time goes: seconds an epoch, milliseconds a step of each stage with its GFLOP/s (counted
/// from the shapes) beside the GEMM peak, rates, memory.
std::vector<Measurement> benchmark_training(const Dataset& data, MatrixView<const float> text,
                                            const Negatives& negatives,
                                            const TrainBenchmarkOptions& options);

}  // namespace tessera
