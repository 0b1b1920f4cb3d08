#pragma once
#include "base/matrix.h"

namespace tessera {

enum class Transpose { no, yes };

/// c = alpha · op(a) · op(b) + beta · c for row-major matrices, by oneDNN's sgemm. With beta = 0
/// the old content of c is not read. The shapes must fit; empty matrices are allowed.
void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c);

}  // namespace tessera
