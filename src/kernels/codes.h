#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// codes[i · code_stride] = the column with the largest scores[i][c] + offsets[c]; the first of
/// equals. `offsets` may be empty.
void assign_codes(MatrixView<const float> scores, std::span<const float> offsets,
                  std::int32_t* codes, std::size_t code_stride);

}  // namespace tessera
