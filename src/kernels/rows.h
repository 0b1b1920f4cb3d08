#pragma once
#include <cstdint>

#include "kernels/bf16.h"

namespace tessera {

/// Rows of a table by number, as a step gathers and scatters them. `rows` [n]; the other arguments
/// have n rows.

/// y = x.
void copy_rows(MatrixView<const float> x, MatrixView<float> y);

/// out[i] = table[rows[i]], rounded if out is of brain floats.
void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<float> out);
void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<Bf16> out);

/// table[rows[i]] += scales[i] · x[i], or x[i] without scales, in the order of i: the result does
/// not depend on the thread count.
void scatter_add_rows(MatrixView<const float> x, std::span<const std::int32_t> rows,
                      MatrixView<float> table, std::span<const float> scales = {});

/// out[i] += scales[i] · table[rows[i]].
void gather_add_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                     std::span<const float> scales, MatrixView<float> out);

/// out[i] = <x[i], table[rows[i]]>.
void gathered_dots(MatrixView<const float> x, MatrixView<const float> table,
                   std::span<const std::int32_t> rows, std::span<float> out);

/// squares[i] = ‖x[i] − table[rows[i]]‖², then x[i] = scales[i] · (x[i] − table[rows[i]]): a
/// squared error and its gradient.
void squared_errors(MatrixView<const float> table, std::span<const std::int32_t> rows,
                    std::span<const float> scales, MatrixView<float> x, std::span<float> squares);

}  // namespace tessera
