#include "nn/layers.h"

#include <fmt/format.h>

#include "kernels/elementwise.h"
#include "kernels/gemm.h"

namespace tessera {

Linear::Linear(const std::string& name, std::size_t in, std::size_t out)
    : weight(name + ".weight", out, in), bias(name + ".bias", 1, out) {}

void Linear::initialise(Random& random) { fill_normal(weight.value.span(), 0.02, random); }

void Linear::collect(ParameterList& list) { list.insert(list.end(), {&weight, &bias}); }

void Linear::multiply(MatrixView<const float> x, MatrixView<float> y) const {
  gemm(Transpose::no, Transpose::yes, 1.0F, x, weight.value, 0.0F, y);
}

void Linear::forward(MatrixView<const float> x, MatrixView<float> y) const {
  multiply(x, y);
  add_bias(y, bias.value.span());
}

void Linear::backward(MatrixView<const float> x, MatrixView<const float> dy, MatrixView<float> dx,
                      bool accumulate) {
  gemm(Transpose::yes, Transpose::no, 1.0F, dy, x, 0.0F, weight.grad);
  column_sums(dy, bias.grad.span());
  if (dx.data != nullptr) {
    gemm(Transpose::no, Transpose::no, 1.0F, dy, weight.value, accumulate ? 1.0F : 0.0F, dx);
  }
}

LayerNorm::LayerNorm(const std::string& name, std::size_t dims)
    : gamma(name + ".weight", 1, dims), beta(name + ".bias", 1, dims) {
  std::fill(gamma.value.span().begin(), gamma.value.span().end(), 1.0F);
}

void LayerNorm::collect(ParameterList& list) { list.insert(list.end(), {&gamma, &beta}); }

LayerNorm::Cache LayerNorm::forward(MatrixView<const float> x, MatrixView<float> y,
                                    StepArena& arena) const {
  Cache cache{arena.matrix(x.rows, x.cols), arena.take<float>(x.rows)};
  layer_norm(x, gamma.value.span(), beta.value.span(), kEpsilon, cache.normalized,
             cache.inverse_std, y);
  return cache;
}

void LayerNorm::backward(const Cache& cache, MatrixView<const float> dy, MatrixView<float> dx) {
  layer_norm_backward(cache.normalized, cache.inverse_std, gamma.value.span(), dy, dx,
                      gamma.grad.span(), beta.grad.span());
}

LayerNorm::Cache LayerNorm::forward_residual(MatrixView<const float> residual,
                                             const Parameter& bias, const DropoutMask& mask,
                                             MatrixView<float> y, StepArena& arena) const {
  Cache cache{arena.matrix(y.rows, y.cols), arena.take<float>(y.rows)};
  residual_layer_norm(residual, bias.value.span(), mask, gamma.value.span(), beta.value.span(),
                      kEpsilon, y, cache.normalized, cache.inverse_std);
  return cache;
}

void LayerNorm::backward_residual(const Cache& cache, const DropoutMask& mask, MatrixView<float> dy,
                                  MatrixView<float> dbranch) {
  residual_layer_norm_backward(cache.normalized, cache.inverse_std, gamma.value.span(), mask, dy,
                               dbranch, gamma.grad.span(), beta.grad.span());
}

}  // namespace tessera
