#pragma once
#include "model/item_encoder.h"
#include "nn/causal_transformer.h"

namespace tessera {

/// A batch of training sequences, packed end to end: no padding, and every item once. The index
/// arrays hold places in `items.items`.
struct StepBatch {
  SequenceOffsets offsets;                  ///< [sequences + 1]
  std::span<const std::int32_t> inputs;     ///< [positions]
  std::span<const std::int32_t> positives;  ///< [positions], the next item
  /// `objective = binary`: [positions], an item outside the user's history; `softmax`: any number
  /// of items that all positions share.
  std::span<const std::int32_t> negatives;
  StepItems items;
};

struct StepLosses {
  double recommendation = 0.0;  ///< mean over positions
  ItemLosses items;
  double total = 0.0;  ///< weighted sum
};

/// The whole model: item vectors in, user states out, scores by inner product with item vectors.
struct Recommender {
  Settings settings;
  UnifiedItemEncoder item_encoder;
  CausalTransformer transformer;

  Recommender() = default;
  Recommender(const Settings& model_settings, std::size_t items, std::size_t text_dims);
  /// N(0, 0.02) by settings.seed; biases 0. Codebooks wait for initialise_codebooks.
  void initialise();
  /// Every learned parameter, in one fixed order.
  ParameterList parameters();
  std::size_t items() const { return item_count; }

  std::size_t item_count = 0;
};

/// Places in the arena that a step's caller may look at.
struct StepResult {
  StepLosses losses;
  UnifiedItemEncoder::Cache items;
  CausalTransformer::Cache sequence;
};

/// Forward and backward of the settings' objective plus reconstruction and commitment (Lin et al.
/// 2025). Sets all gradients; codebooks stay.
StepResult compute_gradients(Recommender& model, MatrixView<const float> text,
                             const StepBatch& batch, const DropoutStep& dropout, StepArena& arena);

}  // namespace tessera
