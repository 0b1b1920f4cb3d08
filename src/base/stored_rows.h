#pragma once
#include <cstddef>
#include <cstring>

#include "base/matrix.h"

namespace tessera {

/// Copies the selected rows of a file's table, row-major values of type Stored that may lie
/// unaligned, to `to`: as many rows as are selected, each as wide as the table. Converts to T.
template <class Stored, class T>
void read_rows(std::span<const std::byte> table, const RowSelection& rows, MatrixView<T> to) {
  const std::size_t row_bytes = to.cols * sizeof(Stored);
  for (std::size_t i = 0; i < to.rows; ++i) {
    const std::byte* from = table.data() + (rows.first + i * rows.step) * row_bytes;
    for (T& value : to.row(i)) {
      Stored stored;
      std::memcpy(&stored, from, sizeof(Stored));
      value = static_cast<T>(stored);
      from += sizeof(Stored);
    }
  }
}

}  // namespace tessera
