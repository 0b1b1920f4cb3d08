#pragma once
#include "kernels/bf16.h"
#include "kernels/gemm.h"

namespace tessera {

/// Whether this CPU multiplies brain floats in hardware. Without that gemm_bf16 widens its factors
/// and calls gemm: the same result but for the order of sums, and slower than gemm.
bool has_bf16();

/// What follows a product, in one pass: c = max(0, a·b + bias), either of them if wanted.
struct GemmEpilogue {
  std::span<const float> bias;  ///< [columns of c], or empty
  bool relu = false;
};

/// c = op(a) · op(b), then the epilogue, for row-major matrices; summed in single precision and,
/// for a Bf16 c, rounded at the end. By oneDNN's matmul, whose objects cost a few microseconds and
/// some small allocations a call. Throws Error if the shapes do not fit or oneDNN refuses.
void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
               MatrixView<const Bf16> b, MatrixView<float> c, const GemmEpilogue& epilogue = {});
void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const Bf16> a,
               MatrixView<const Bf16> b, MatrixView<Bf16> c, const GemmEpilogue& epilogue = {});

}  // namespace tessera
