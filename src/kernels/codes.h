#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// codes[i · code_stride] = the column with the largest scores[i][c] + offsets[c]; the first of
/// equals. `offsets` may be empty.
void assign_codes(MatrixView<const float> scores, std::span<const float> offsets,
                  std::int32_t* codes, std::size_t code_stride);

/// out[i] = table[rows[i]].
void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<float> out);
/// table[rows[i]] += x[i], in the order of i: the result does not depend on the thread count.
void scatter_add_rows(MatrixView<const float> x, std::span<const std::int32_t> rows,
                      MatrixView<float> table);

}  // namespace tessera
