#include "tokenize/vector_source.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

constexpr std::size_t kBlockFloats = 16U << 20;  // 64 MB

void check_finite(const Matrix& rows, const RowSelection& which, const std::string& name) {
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (std::ranges::all_of(rows.view().row(i), [](float x) { return std::isfinite(x); })) continue;
    fail("{}: row {} holds NaN or Inf; correct the vectors", name, which.first + i * which.step);
  }
}

}  // namespace

VectorSource vectors_in_memory(MatrixView<const float> rows, std::string name) {
  return {rows.rows, rows.cols, std::move(name), [rows](const RowSelection& which) {
            Matrix part(which.size(rows.rows), rows.cols);
            for (std::size_t i = 0; i < part.rows(); ++i) {
              std::copy_n(rows[which.first + i * which.step], rows.cols, part[i]);
            }
            return part;
          }};
}

VectorSource vectors_of_npy(const fs::path& file) {
  const NpyShape shape = read_npy_shape(file);
  return {shape.rows, shape.cols, file.string(),
          [file](const RowSelection& which) { return read_npy(file, which); }};
}

void for_each_block(const VectorSource& vectors,
                    const std::function<void(std::size_t first, MatrixView<float> block)>& body) {
  const std::size_t block =
      std::max<std::size_t>(kBlockFloats / std::max<std::size_t>(vectors.dims, 1), 1);
  for (std::size_t first = 0; first < vectors.rows; first += block) {
    const RowSelection which{.first = first, .count = block};
    Matrix rows = vectors.read(which);
    check_finite(rows, which, vectors.name);
    body(first, rows);
  }
}

Matrix sample_of(const VectorSource& vectors, std::size_t most) {
  const std::size_t step = std::max<std::size_t>((vectors.rows + most - 1) / most, 1);
  const RowSelection which{.first = 0, .step = step};
  Matrix rows = vectors.read(which);
  check_finite(rows, which, vectors.name);
  return rows;
}

}  // namespace tessera
