#include "kernels/gemm.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/error.h"

namespace tessera {

void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c) {
  const std::size_t inner = transpose_a == Transpose::no ? a.cols : a.rows;
  const std::size_t rows = transpose_a == Transpose::no ? a.rows : a.cols;
  const std::size_t cols = transpose_b == Transpose::no ? b.cols : b.rows;
  const std::size_t inner_b = transpose_b == Transpose::no ? b.rows : b.cols;
  if (inner != inner_b || rows != c.rows || cols != c.cols) {
    fail("gemm: shapes {}×{} by {}×{} do not give {}×{}", rows, inner, inner_b, cols, c.rows,
         c.cols);
  }
  if (rows == 0 || cols == 0) return;
  if (inner == 0) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (float& value : c.row(i)) value = beta == 0.0F ? 0.0F : beta * value;
    }
    return;
  }
  const auto dim = [](std::size_t n) { return static_cast<dnnl_dim_t>(n); };
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a == Transpose::no ? 'N' : 'T', transpose_b == Transpose::no ? 'N' : 'T',
                 dim(rows), dim(cols), dim(inner), alpha, a.data, dim(a.stride), b.data,
                 dim(b.stride), beta, c.data, dim(c.stride));
  if (status != dnnl_success) fail("gemm: oneDNN refused the call (status {})", int{status});
}

}  // namespace tessera
