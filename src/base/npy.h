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

/// The extents of a .npy file of floats, whose values are not read.
struct NpyShape {
  std::size_t rows = 0, cols = 0;
};
NpyShape read_npy_shape(const fs::path& path);

/// Codes [rows, cols]: a two-dimensional .npy file of whole numbers of 32 or 64 bits.
struct IntMatrix {
  std::size_t rows = 0, cols = 0;
  std::vector<std::int32_t> values;  ///< row by row

  std::span<const std::int32_t> row(std::size_t i) const {
    return std::span(values).subspan(i * cols, cols);
  }
  std::span<std::int32_t> row(std::size_t i) { return std::span(values).subspan(i * cols, cols); }
};
/// Throws Error that names the file, also for a number beyond 32 bits.
IntMatrix read_npy_codes(const fs::path& path);
void write_npy(const fs::path& path, const IntMatrix& matrix);

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
