#pragma once
#include <bit>
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// A brain float: the upper 16 bits of a float, so its range with 8 bits of precision.
struct Bf16 {
  std::uint16_t bits = 0;
};
inline float to_float(Bf16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

/// y = x, rounded to the nearest, ties to even.
void to_bf16(MatrixView<const float> x, MatrixView<Bf16> y);
/// The same for one row, on the calling thread.
void to_bf16(std::span<const float> x, Bf16* y);

/// dy = 0 where the activation y of a ReLU is 0, in place, then sums[j] = Σ_i dy[i][j], in single
/// precision: a bias gradient. The result does not depend on the thread count. y may be empty:
/// then dy stays.
void relu_backward_sums(MatrixView<const Bf16> y, MatrixView<Bf16> dy, std::span<float> sums);

}  // namespace tessera
