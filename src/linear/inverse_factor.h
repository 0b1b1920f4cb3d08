#pragma once
#include "base/matrix.h"

namespace tessera {

/// Puts in the place of a symmetric, positive definite matrix [n, n], of which the lower triangle
/// is read, the W with W M Wᵀ = 1: the inverse of its Cholesky factor, a lower triangle with zeros
/// above. By halves, so that nearly all of it is matrix products. Throws Error if a pivot is not
/// positive.
void invert_factor(MatrixView<float> matrix);

}  // namespace tessera
