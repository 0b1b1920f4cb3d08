#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// x[i] += bias for every row.
void add_bias(MatrixView<float> x, std::span<const float> bias);
/// x[i] = max(0, x[i] + bias), in place.
void bias_relu(MatrixView<float> x, std::span<const float> bias);
/// dy = 0 where the activation y of bias_relu is 0, in place.
void relu_backward(MatrixView<const float> y, MatrixView<float> dy);

/// x += bias, then y = GELU(x) = x · Φ(x) with the exact Φ by erf (Hendrycks and Gimpel 2016). erf
/// by Abramowitz and Stegun 7.1.26: with float rounding GELU's error is below 3e-7 · |x|. x keeps
/// what the backward pass needs.
void bias_gelu(MatrixView<float> x, std::span<const float> bias, MatrixView<float> y);
/// dy ← dy · GELU'(x), in place; x as bias_gelu left it.
void gelu_backward(MatrixView<const float> x, MatrixView<float> dy);

/// sums[j] = Σ_i x[i][j]: a bias gradient. The result does not depend on the thread count.
void column_sums(MatrixView<const float> x, std::span<float> sums);

/// y += alpha · x.
void add_scaled(float alpha, MatrixView<const float> x, MatrixView<float> y);

/// y[i] += scales[i] · x[i].
void add_scaled_rows(std::span<const float> scales, MatrixView<const float> x, MatrixView<float> y);

/// <a, b>.
float dot(std::span<const float> a, std::span<const float> b);
/// <a, b> / (‖a‖ ‖b‖), or 0 if one of them has no length.
double cosine(std::span<const float> a, std::span<const float> b);
/// out[i] = <a[i], b[i]>.
void row_dots(MatrixView<const float> a, MatrixView<const float> b, std::span<float> out);

/// Zeroes each element with `probability` and scales the others by 1 / (1 − probability), in place
/// (Srivastava et al. 2014). What is dropped depends on `stream` and the element's place alone, so
/// the backward pass is the same call on the gradient.
void dropout(MatrixView<float> x, float probability, std::uint64_t stream);

}  // namespace tessera
