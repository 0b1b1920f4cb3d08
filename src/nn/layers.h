#pragma once
#include "base/arena.h"
#include "kernels/layer_norm.h"
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

  /// y = LN(residual + dropout(y + bias)), in place.
  Cache forward_residual(MatrixView<const float> residual, const Parameter& bias,
                         const DropoutMask& mask, MatrixView<float> y, StepArena& arena) const;
  /// dy becomes the gradient of the residual; sets `dbranch`, that of y + bias.
  void backward_residual(const Cache& cache, const DropoutMask& mask, MatrixView<float> dy,
                         MatrixView<float> dbranch);
};

}  // namespace tessera
