#pragma once
#include <functional>

#include "model/item_encoder.h"
#include "nn/causal_transformer.h"

namespace tessera {

/// From the item vectors that are computed here to those that the positions here refer to, and back
/// with the gradients. As it is: the same ones.
struct VectorExchange {
  using Function = std::function<MatrixView<float>(MatrixView<float> rows, StepArena& arena)>;
  static MatrixView<float> same(MatrixView<float> rows, StepArena& /*arena*/) { return rows; }
  /// [items computed here, width] → [items referred to here, width].
  Function fetch = same;
  /// The other way: gradients of all who referred to an item, added up.
  Function give_back = same;
};
inline const VectorExchange kSameVectors;

/// A batch of training sequences, packed end to end: no padding, and every item once. The index
/// arrays hold places in `items.items`, or in what `exchange` fetches.
struct StepBatch {
  SequenceOffsets offsets;                  ///< [sequences + 1]
  std::span<const std::int32_t> inputs;     ///< [positions]
  std::span<const std::int32_t> positives;  ///< [positions], the next item
  /// `objective = binary`: [positions], an item outside the user's history; `softmax`: any number
  /// of items that all positions share.
  std::span<const std::int32_t> negatives;
  StepItems items;
  /// Of the whole batch, of which these may be a part; the losses found are this part's share.
  std::size_t all_positions = 0;
  /// [positions] what each position's loss weighs, 1 in the mean of an epoch; or empty: 1.
  std::span<const float> weights = {};
  const VectorExchange* exchange = &kSameVectors;
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
  void initialise() { initialise(items(), {}); }
  /// The same of a model that holds the rows of some items of a catalogue alone.
  void initialise(std::size_t catalogue_items, const RowSelection& held);
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
