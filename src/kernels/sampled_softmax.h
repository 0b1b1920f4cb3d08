#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// Cross-entropy of a positive among negatives that all rows share (sampled softmax, Jean et al.
/// 2015), and its gradient. A negative that is the row's own positive takes no part in that row.
///
/// `negative_logits` [rows, negatives] and `positive_logits` [rows] come in as logits and leave as
/// the gradient of Σ scales[i] · losses[i]; losses[i] = −log(probability of row i's positive).
/// `positives` [rows] and `negatives` [negatives] name the items behind the logits.
void sampled_softmax(std::span<const std::int32_t> positives,
                     std::span<const std::int32_t> negatives, std::span<const float> scales,
                     std::span<float> positive_logits, MatrixView<float> negative_logits,
                     std::span<float> losses);

}  // namespace tessera
