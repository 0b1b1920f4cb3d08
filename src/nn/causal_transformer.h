#pragma once
#include "kernels/attention.h"
#include "nn/layers.h"

namespace tessera {

struct TransformerShape {
  std::size_t width = 72;   ///< of its input and output
  std::size_t hidden = 64;  ///< of queries, keys and values, all heads together
  std::size_t heads = 2;
  std::size_t feed_forward = 256;
  std::size_t layers = 2;
  std::size_t max_length = 50;
};

/// Dropout of a training step; probability 0 at inference.
struct DropoutStep {
  float probability = 0.0F;
  std::uint64_t seed = 0;  ///< of this step
};

/// Post-norm causal transformer over packed sequences: LN(x + position) first, then in each layer
/// x = LN(x + attention(x)), x = LN(x + feed-forward(x)) with GELU; positions are learned and
/// aligned to the end of the sequence (SASRec, Kang and McAuley 2018, as Lin et al. 2025 use it).
struct CausalTransformer {
  struct Layer {
    Linear query, key, value, output, expand, contract;
    LayerNorm attention_norm, feed_forward_norm;
  };
  struct LayerCache {
    MatrixView<float> input, q, k, v, attended, middle, expanded, activated;
    std::span<float> probabilities;
    std::span<std::size_t> starts;
    LayerNorm::Cache attention_norm, feed_forward_norm;
    std::uint64_t seed = 0;
  };
  struct Cache {
    SequenceOffsets offsets;
    DropoutStep dropout;
    LayerNorm::Cache input_norm;
    std::span<LayerCache> layers;
    MatrixView<float> output;  ///< [positions, width]
  };

  TransformerShape shape;
  Parameter positions;  ///< [max_length, width]; the last row belongs to the last position
  LayerNorm input_norm;
  std::vector<Layer> layers;

  CausalTransformer() = default;
  explicit CausalTransformer(const TransformerShape& transformer_shape);
  void initialise(Random& random);
  void collect(ParameterList& list);

  /// x [positions, width]; no sequence may be longer than max_length.
  Cache forward(MatrixView<const float> x, SequenceOffsets offsets, const DropoutStep& dropout,
                StepArena& arena) const;
  /// Sets the gradients and returns dx [positions, width]. dy is overwritten.
  MatrixView<float> backward(const Cache& cache, MatrixView<float> dy, StepArena& arena);
};

}  // namespace tessera
