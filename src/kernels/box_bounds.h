#pragma once
#include "base/matrix.h"

namespace tessera {

/// bounds[b] = start + Σ_d max(query[d] · low[d][b], query[d] · high[d][b]): the largest inner
/// product with any point of box b, up to rounding. `low`, `high` [dims, boxes].
void box_bounds(std::span<const float> query, MatrixView<const float> low,
                MatrixView<const float> high, float start, std::span<float> bounds);

}  // namespace tessera
