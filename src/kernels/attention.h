#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// Where the sequences of a packed batch lie: sequence s holds positions [offsets[s],
/// offsets[s+1]).
using SequenceOffsets = std::span<const std::int32_t>;

/// Attention probabilities that the backward pass needs: n(n+1)/2 a sequence of length n and head.
std::size_t attention_probabilities(SequenceOffsets offsets, std::size_t heads);

/// Causal scaled dot-product attention within each sequence (Vaswani et al. 2017, equation 1) with
/// dropout on the probabilities. q, k, v and out are [positions, heads · head dims], a head being a
/// contiguous block of columns; `starts` [sequences + 1] is scratch that the backward pass reuses.
struct AttentionShape {
  SequenceOffsets offsets;
  std::size_t heads = 1;
  float dropout = 0.0F;
  std::uint64_t dropout_stream = 0;
};
void causal_attention(const AttentionShape& shape, MatrixView<const float> q,
                      MatrixView<const float> k, MatrixView<const float> v,
                      std::span<float> probabilities, std::span<std::size_t> starts,
                      MatrixView<float> out);
/// The same at the last position of each sequence alone and without dropout: q and out are
/// [sequences, heads · head dims], `probabilities` [positions · heads] is scratch. An empty
/// sequence gets 0.
void last_attention(SequenceOffsets offsets, std::size_t heads, MatrixView<const float> q,
                    MatrixView<const float> k, MatrixView<const float> v,
                    std::span<float> probabilities, MatrixView<float> out);
/// Of causal_attention: sets dq, dk and dv.
void causal_attention_backward(const AttentionShape& shape, MatrixView<const float> q,
                               MatrixView<const float> k, MatrixView<const float> v,
                               std::span<const float> probabilities,
                               std::span<const std::size_t> starts, MatrixView<const float> dout,
                               MatrixView<float> dq, MatrixView<float> dk, MatrixView<float> dv);

}  // namespace tessera
