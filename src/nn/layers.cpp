#include "nn/layers.h"

#include <fmt/format.h>

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/layer_norm.h"

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

Mlp::Mlp(const std::string& name, std::span<const std::size_t> widths) {
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    layers.emplace_back(fmt::format("{}.{}", name, i), widths[i], widths[i + 1]);
  }
}

void Mlp::initialise(Random& random) {
  for (Linear& layer : layers) layer.initialise(random);
}

void Mlp::collect(ParameterList& list) {
  for (Linear& layer : layers) layer.collect(list);
}

Mlp::Cache Mlp::forward(MatrixView<float> x, StepArena& arena) const {
  const Cache cache = arena.take<MatrixView<float>>(layers.size() + 1);
  cache[0] = x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Linear& layer = layers[i];
    cache[i + 1] = arena.matrix(x.rows, layer.out());
    layer.multiply(cache[i], cache[i + 1]);
    if (i + 1 < layers.size()) {
      bias_relu(cache[i + 1], layer.bias.value.span());
    } else {
      add_bias(cache[i + 1], layer.bias.value.span());
    }
  }
  return cache;
}

void Mlp::backward(Cache cache, MatrixView<float> dy, MatrixView<float> dx, StepArena& arena) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    const MatrixView<float> dinput = i == 0 ? dx : arena.matrix(dy.rows, layers[i].in());
    layers[i].backward(cache[i], dy, dinput);
    if (i > 0) relu_backward(cache[i], dinput);
    dy = dinput;
  }
}

}  // namespace tessera
