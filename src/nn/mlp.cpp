#include "nn/mlp.h"

#include <fmt/format.h>

#include "kernels/elementwise.h"
#include "kernels/gemm_bf16.h"

namespace tessera {

MatrixView<Bf16> rounded(MatrixView<const float> x, StepArena& arena) {
  const MatrixView<Bf16> y = arena.matrix<Bf16>(x.rows, x.cols);
  to_bf16(x, y);
  return y;
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
  Cache cache;
  cache.inputs = arena.take<MatrixView<float>>(layers.size());
  cache.inputs[0] = x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const MatrixView<float> y = arena.matrix(x.rows, layers[i].out());
    layers[i].multiply(cache.inputs[i], y);
    if (i + 1 == layers.size()) {
      add_bias(y, layers[i].bias.value.span());
      cache.output = y;
    } else {
      bias_relu(y, layers[i].bias.value.span());
      cache.inputs[i + 1] = y;
    }
  }
  return cache;
}

Mlp::Cache Mlp::forward(MatrixView<Bf16> x, StepArena& arena) const {
  Cache cache;
  cache.rounded_inputs = arena.take<MatrixView<Bf16>>(layers.size());
  cache.rounded_weights = arena.take<MatrixView<Bf16>>(layers.size());
  cache.rounded_inputs[0] = x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const MatrixView<Bf16> weight = cache.rounded_weights[i] =
        rounded(layers[i].weight.value, arena);
    const std::span<const float> bias = layers[i].bias.value.span();
    const MatrixView<Bf16> input = cache.rounded_inputs[i];
    if (i + 1 == layers.size()) {
      cache.output = arena.matrix(x.rows, layers[i].out());
      gemm_bf16(Transpose::no, Transpose::yes, input, weight, cache.output, {bias, false});
    } else {
      cache.rounded_inputs[i + 1] = arena.matrix<Bf16>(x.rows, layers[i].out());
      gemm_bf16(Transpose::no, Transpose::yes, input, weight, cache.rounded_inputs[i + 1],
                {bias, true});
    }
  }
  return cache;
}

void Mlp::backward(const Cache& cache, MatrixView<float> dy, MatrixView<float> dx,
                   StepArena& arena) {
  if (cache.inputs.empty()) return backward_bf16(cache, dy, dx, arena);
  for (std::size_t i = layers.size(); i-- > 0;) {
    const MatrixView<float> dinput = i == 0 ? dx : arena.matrix(dy.rows, layers[i].in());
    layers[i].backward(cache.inputs[i], dy, dinput);
    if (i > 0) relu_backward(cache.inputs[i], dinput);
    dy = dinput;
  }
}

void Mlp::backward_bf16(const Cache& cache, MatrixView<const float> dy, MatrixView<float> dx,
                        StepArena& arena) {
  MatrixView<Bf16> d = rounded(dy, arena);
  for (std::size_t i = layers.size(); i-- > 0;) {
    const bool activated = i + 1 < layers.size();
    relu_backward_sums(activated ? cache.rounded_inputs[i + 1] : MatrixView<Bf16>(), d,
                       layers[i].bias.grad.span());
    gemm_bf16(Transpose::yes, Transpose::no, d, cache.rounded_inputs[i], layers[i].weight.grad);
    if (i > 0) {
      const MatrixView<Bf16> dinput = arena.matrix<Bf16>(dy.rows, layers[i].in());
      gemm_bf16(Transpose::no, Transpose::no, d, cache.rounded_weights[i], dinput);
      d = dinput;
    } else if (dx.data != nullptr) {
      gemm_bf16(Transpose::no, Transpose::no, d, cache.rounded_weights[i], dx);
    }
  }
}

}  // namespace tessera
