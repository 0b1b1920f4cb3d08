#pragma once
#include "kernels/attention.h"

namespace tessera {

/// Floats of scratch memory that `full_attention` needs.
std::size_t full_attention_scratch(SequenceOffsets offsets);

/// Scaled dot-product attention of every position with all positions of its sequence, in both
/// directions (Vaswani et al. 2017, equation 1). q, k, v and out are [positions, heads · head
/// dims], a head being a contiguous block of columns. The result does not depend on the thread
/// count.
void full_attention(SequenceOffsets offsets, std::size_t heads, MatrixView<const float> q,
                    MatrixView<const float> k, MatrixView<const float> v, std::span<float> scratch,
                    MatrixView<float> out);

}  // namespace tessera
