#pragma once
#include <cstdint>

#include "base/matrix.h"

namespace tessera {

/// Cross-entropy of a positive among negatives that all positions share (sampled softmax, Jean et
/// al. 2015), and its gradient. A negative that is a position's own positive takes no part there.
///
/// `negative_logits` [negatives, positions] and `positive_logits` [positions] come in as logits and
/// leave as the gradient of Σ scales[i] · losses[i]; losses[i] = −log(probability of the positive).
/// `positives` [positions] and `negatives` [negatives] name the items behind the logits. A position
/// is a lane of the vectors, so that nothing is summed across lanes. Works by itself, without other
/// threads.
void sampled_softmax(std::span<const std::int32_t> positives,
                     std::span<const std::int32_t> negatives, std::span<const float> scales,
                     std::span<float> positive_logits, MatrixView<float> negative_logits,
                     std::span<float> losses);

}  // namespace tessera
