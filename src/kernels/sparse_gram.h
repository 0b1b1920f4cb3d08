#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// y = aᵀ · (a · x) for x, y [cols, k] and a in compressed sparse rows: `columns` and `values` of
/// row r lie at [offsets[r], offsets[r + 1]). One pass over a for some columns of x at a time, and
/// nothing as tall as a is held. The result does not depend on the thread count.
void sparse_gram(std::span<const std::int64_t> offsets, std::span<const std::int32_t> columns,
                 std::span<const float> values, MatrixView<const float> x, MatrixView<float> y);

}  // namespace tessera
