#pragma once
#include <cstdint>

#include "base/arena.h"

namespace tessera {

/// What an objective is told: user states and item vectors, and which vectors each state is to
/// score. The index arrays hold rows of `vectors`.
struct ObjectiveInput {
  MatrixView<const float> states;           ///< [positions, width]
  MatrixView<const float> vectors;          ///< [items, width]
  std::span<const std::int32_t> positives;  ///< [positions], the next item
  std::span<const std::int32_t> negatives;
  /// [positions] of each in the loss: 1 / positions, those of other processes included, where all
  /// events count alike.
  std::span<const float> shares;
};

/// An objective returns the sum of shares times losses, which is their mean over positions or these
/// positions' part of it, and adds its
/// gradients to dstates [positions, width] and dvectors [items, width].

/// Binary cross-entropy of the positive and one negative a position, negatives [positions] (Lin et
/// al. 2025; Kang and McAuley 2018, eq. 6).
double binary_objective(const ObjectiveInput& input, MatrixView<float> dstates,
                        MatrixView<float> dvectors, StepArena& arena);

/// Cross-entropy of the positive among negatives that all positions share, negatives [any] (sampled
/// softmax, Jean et al. 2015).
double softmax_objective(const ObjectiveInput& input, MatrixView<float> dstates,
                         MatrixView<float> dvectors, StepArena& arena);

}  // namespace tessera
