#pragma once
#include <cstdint>

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

/// Which elements of a matrix are dropped (kernels/elementwise.h, dropout).
struct DropoutMask {
  float probability = 0.0F;
  std::uint64_t stream = 0;
};

/// x = layer_norm(residual + dropout(x + bias)): the end of a transformer's block, in one pass.
void residual_layer_norm(MatrixView<const float> residual, std::span<const float> bias,
                         const DropoutMask& mask, std::span<const float> gamma,
                         std::span<const float> beta, float epsilon, MatrixView<float> x,
                         MatrixView<float> normalized, std::span<float> inverse_std);

/// From dy, which becomes the gradient of `residual`; sets dx, dgamma and dbeta. The result does
/// not depend on the thread count.
void residual_layer_norm_backward(MatrixView<const float> normalized,
                                  std::span<const float> inverse_std, std::span<const float> gamma,
                                  const DropoutMask& mask, MatrixView<float> dy,
                                  MatrixView<float> dx, std::span<float> dgamma,
                                  std::span<float> dbeta);

}  // namespace tessera
