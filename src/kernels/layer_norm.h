#pragma once
#include "base/matrix.h"

namespace tessera {

/// y = gamma · (x − mean) / √(variance + epsilon) + beta by row (Ba et al. 2016). `normalized`
/// keeps (x − mean)/√(…), [rows, cols], and `inverse_std` [rows] for the backward pass. y may be x.
void layer_norm(MatrixView<const float> x, std::span<const float> gamma,
                std::span<const float> beta, float epsilon, MatrixView<float> normalized,
                std::span<float> inverse_std, MatrixView<float> y);

/// Sets dx (which may be dy), dgamma and dbeta from dy. The result does not depend on the thread
/// count.
void layer_norm_backward(MatrixView<const float> normalized, std::span<const float> inverse_std,
                         std::span<const float> gamma, MatrixView<const float> dy,
                         MatrixView<float> dx, std::span<float> dgamma, std::span<float> dbeta);

}  // namespace tessera
