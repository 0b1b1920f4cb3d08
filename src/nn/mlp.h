#pragma once
#include "kernels/bf16.h"
#include "nn/layers.h"

namespace tessera {

/// What matrix products are computed in.
enum class Precision { fp32, bf16 };

/// A copy in brain floats, in the arena.
MatrixView<Bf16> rounded(MatrixView<const float> x, StepArena& arena);

/// Linear layers with ReLU between them (none after the last). It computes in the precision of its
/// input: with brain floats, what lies between the layers is rounded too, and so are the weights,
/// while sums, parameters and their gradients stay in single precision.
struct Mlp {
  std::vector<Linear> layers;

  struct Cache {
    MatrixView<float> output;
    // Of each layer, in one precision or the other; weights are kept where they were rounded.
    std::span<MatrixView<float>> inputs;
    std::span<MatrixView<Bf16>> rounded_inputs, rounded_weights;
  };

  Mlp() = default;
  Mlp(const std::string& name, std::span<const std::size_t> widths);
  void initialise(Random& random);
  void collect(ParameterList& list);
  /// x [rows, in].
  Cache forward(MatrixView<float> x, StepArena& arena) const;
  Cache forward(MatrixView<Bf16> x, StepArena& arena) const;
  /// Sets the gradients, in the precision of the forward pass; dx is set unless empty. dy is
  /// overwritten.
  void backward(const Cache& cache, MatrixView<float> dy, MatrixView<float> dx, StepArena& arena);

 private:
  void backward_bf16(const Cache& cache, MatrixView<const float> dy, MatrixView<float> dx,
                     StepArena& arena);
};

}  // namespace tessera
