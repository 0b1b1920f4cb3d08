#pragma once
#include <functional>
#include <string>

#include "base/files.h"
#include "base/matrix.h"

namespace tessera {

/// Vectors [rows, dims] that need not be in memory at once.
struct VectorSource {
  std::size_t rows = 0, dims = 0;
  std::string name;  ///< in messages
  /// The rows selected, as they are: NaN and Inf are whoever's who reads them.
  std::function<Matrix(const RowSelection& rows)> read;
};

/// Rows that somebody holds, and that must outlive the source.
VectorSource vectors_in_memory(MatrixView<const float> rows, std::string name = "vectors");
/// The rows of a .npy file, of which each read brings those selected into memory.
VectorSource vectors_of_npy(const fs::path& file);

/// Calls body(first row, block) for all rows in order, some thousands at a time. Throws Error that
/// names the row for NaN or Inf.
void for_each_block(const VectorSource& vectors,
                    const std::function<void(std::size_t first, MatrixView<float> block)>& body);

/// About `most` rows, evenly spread: every step-th. Throws Error for NaN or Inf.
Matrix sample_of(const VectorSource& vectors, std::size_t most);

}  // namespace tessera
