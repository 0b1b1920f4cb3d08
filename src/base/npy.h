#pragma once
#include <cstdint>
#include <vector>

#include "base/files.h"
#include "base/matrix.h"

namespace tessera {

/// A two-dimensional float32 (or float64, converted) .npy file, C order; of it the rows selected,
/// and no others come into memory. A one-dimensional array reads as one column. Throws Error that
/// names the file and what is wrong with it.
Matrix read_npy(const fs::path& path, const RowSelection& rows = {});
void write_npy(const fs::path& path, MatrixView<const float> matrix);

/// A float32 .npy file [rows, cols] that is written some rows at a time; see FileWriter.
class NpyWriter {
 public:
  NpyWriter(const fs::path& path, std::size_t rows, std::size_t cols);
  void append(MatrixView<const float> rows);
  /// All rows must have been appended.
  void commit();

 private:
  FileWriter file_;
  std::size_t rows_left_, cols_;
};

/// One-dimensional integer arrays of 32 or 64 bits.
std::vector<std::int32_t> read_npy_i32(const fs::path& path);
std::vector<std::int64_t> read_npy_i64(const fs::path& path);
void write_npy(const fs::path& path, std::span<const std::int32_t> values);
void write_npy(const fs::path& path, std::span<const std::int64_t> values);

}  // namespace tessera
