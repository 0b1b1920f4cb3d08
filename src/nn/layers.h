#pragma once
#include "base/arena.h"
#include "nn/parameter.h"

namespace tessera {

/// y = x · weightᵀ + bias; weight [out, in], bias [1, out].
struct Linear {
  Parameter weight, bias;

  Linear() = default;
  Linear(const std::string& name, std::size_t in, std::size_t out);
  std::size_t in() const { return weight.value.cols(); }
  std::size_t out() const { return weight.value.rows(); }
  void initialise(Random& random);
  void collect(ParameterList& list);

  /// y = x · weightᵀ: the bias is left to the kernel that follows.
  void multiply(MatrixView<const float> x, MatrixView<float> y) const;
  void forward(MatrixView<const float> x, MatrixView<float> y) const;
  /// Sets the gradients of weight and bias, and dx unless it is empty; `accumulate` adds to dx.
  void backward(MatrixView<const float> x, MatrixView<const float> dy, MatrixView<float> dx,
                bool accumulate = false);
};

/// Layer normalisation over the columns.
struct LayerNorm {
  static constexpr float kEpsilon = 1e-12F;
  Parameter gamma, beta;
  struct Cache {
    MatrixView<float> normalized;
    std::span<float> inverse_std;
  };

  LayerNorm() = default;
  LayerNorm(const std::string& name, std::size_t dims);
  void collect(ParameterList& list);
  /// y may be x.
  Cache forward(MatrixView<const float> x, MatrixView<float> y, StepArena& arena) const;
  /// dx may be dy.
  void backward(const Cache& cache, MatrixView<const float> dy, MatrixView<float> dx);
};

/// Linear layers with ReLU between them (none after the last).
struct Mlp {
  std::vector<Linear> layers;
  /// Input, then the output of every layer.
  using Cache = std::span<MatrixView<float>>;

  Mlp() = default;
  Mlp(const std::string& name, std::span<const std::size_t> widths);
  void initialise(Random& random);
  void collect(ParameterList& list);
  Cache forward(MatrixView<float> x, StepArena& arena) const;
  /// Sets the gradients; dx is set unless empty. dy is overwritten.
  void backward(Cache cache, MatrixView<float> dy, MatrixView<float> dx, StepArena& arena);
};

}  // namespace tessera
