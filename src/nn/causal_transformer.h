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
  std::size_t convolution = 0;  ///< positions that the convolution beside attention sees; 0: none
};

/// Dropout of a training step; probability 0 at inference.
struct DropoutStep {
  float probability = 0.0F;
  std::uint64_t seed = 0;  ///< of this step
};

/// Post-norm causal transformer over packed sequences: LN(x + position) first, then in each layer
/// x = LN(x + attention(x)), x = LN(x + feed-forward(x)) with GELU; positions are learned and
/// aligned to the end of the sequence (SASRec, Kang and McAuley 2018, as Lin et al. 2025 use it).
/// A causal convolution of a layer's input may be added to what attention gives: the last few
/// events count by their order too (kernels/convolution.h; BSARec, Shin et al. 2024, has a
/// frequency filter in its place).
struct CausalTransformer {
  struct LayerCache;
  struct Layer {
    Linear query, key, value, output, expand, contract;
    LayerNorm attention_norm, feed_forward_norm;
    Parameter convolution;  ///< [taps, width]; no rows where there is none

    /// Attention of all positions of cache.input with those before them.
    void attend(const AttentionShape& attention, LayerCache& cache, StepArena& arena) const;
    /// cache.middle = what attention and convolution add to the input, without attention's bias.
    void join(SequenceOffsets offsets, LayerCache& cache, StepArena& arena) const;
    /// The rest of the layer, for rows of cache.input with their cache.middle.
    void finish(float dropout, LayerCache& cache, StepArena& arena) const;
  };
  struct LayerCache {
    MatrixView<float> input, q, k, v, attended, middle, expanded, activated, output;
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
  /// Takes over what one of the same shape but for a smaller width has learned, whose inputs stand
  /// in the columns from `column` on of those of this one. What belongs to other columns stays.
  void take_over(CausalTransformer& narrower, std::size_t column);

  /// x [positions, width]; no sequence may be longer than max_length.
  Cache forward(MatrixView<const float> x, SequenceOffsets offsets, const DropoutStep& dropout,
                StepArena& arena) const;
  /// What inference needs: without dropout the output at the last position of each sequence alone,
  /// [sequences, width], 0 for an empty one. The last layer works on those rows only.
  MatrixView<float> final_states(MatrixView<const float> x, SequenceOffsets offsets,
                                 StepArena& arena) const;
  /// Sets the gradients and returns dx [positions, width]. dy is overwritten.
  MatrixView<float> backward(const Cache& cache, MatrixView<float> dy, StepArena& arena);

 private:
  /// The last layer's cache.middle at the last positions of its input alone, which cache.input
  /// becomes.
  void end(SequenceOffsets offsets, LayerCache& cache, StepArena& arena) const;
  /// LN(x + position), before dropout.
  MatrixView<float> enter(MatrixView<const float> x, SequenceOffsets offsets,
                          LayerNorm::Cache& cache, StepArena& arena) const;
};

}  // namespace tessera
