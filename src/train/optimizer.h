#pragma once
#include "kernels/adam.h"
#include "nn/parameter.h"

namespace tessera {

/// Adam over dense parameters and tables. A table costs what its touched rows cost: the others are
/// left behind and caught up when a step next reads them, to where dense Adam would have them but
/// for rounding.
class Optimizer {
 public:
  Optimizer(ParameterList parameters, const AdamSettings& settings)
      : parameters_(std::move(parameters)), settings_(settings) {}

  /// Brings these rows of every table to update `updates`, before they are read.
  void catch_up(std::uint64_t updates, std::span<const std::int32_t> rows);
  /// All rows of every table, before anyone else reads them.
  void catch_up(std::uint64_t updates);
  /// Update number `update` (from 1), by the gradients set.
  void update(std::uint64_t update);

 private:
  void know_factors(std::uint64_t updates);
  /// adam_update_rows of one table.
  void update_rows(Parameter& table, std::uint64_t updates, std::span<const std::int32_t> rows,
                   MatrixView<const float> grad);

  ParameterList parameters_;
  AdamSettings settings_;
  std::vector<AdamFactors> factors_;  // of the updates 1, 2, …
};

}  // namespace tessera
