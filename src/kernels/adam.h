#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// Adam (Kingma and Ba 2015, algorithm 1).
struct AdamSettings {
  float learning_rate = 1e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  /// The rate falls linearly, to a fiftieth at this update and from then on; 0: it stays.
  std::uint64_t decay_updates = 0;
};

/// One update of `value` and its moments m and v; `step` counts from 1.
void adam_update(const AdamSettings& settings, std::uint64_t step, std::span<const float> grad,
                 std::span<float> m, std::span<float> v, std::span<float> value);

/// Of one update of Adam: value −= rate · m / (√v · correction + ε), which holds both corrections
/// of the bias.
struct AdamFactors {
  float rate, correction;
};
/// `step` counts from 1.
AdamFactors adam_factors(const AdamSettings& settings, std::uint64_t step);

/// Updates of some rows of a table whose other rows have no gradient, as if dense Adam had updated
/// all of them each time. done[row] [rows of the table] is the last update of a row; `factors` are
/// those of the updates 1, 2, …, and all of them up to `last` are made up for: those before the
/// last with a gradient of 0, the last with that of `grad`, or 0 too where `grad` is empty. Once
/// nothing moves a value any more the rest of its moments' decay is one power, so that a row's cost
/// does not grow with the time it was left alone; the moments then differ from dense Adam's by
/// rounding. The rows must be distinct.
void adam_update_rows(const AdamSettings& settings, std::span<const AdamFactors> factors,
                      std::uint64_t last, std::span<const std::int32_t> rows,
                      MatrixView<const float> grad, MatrixView<float> m, MatrixView<float> v,
                      MatrixView<float> value, std::span<float> done);

}  // namespace tessera
