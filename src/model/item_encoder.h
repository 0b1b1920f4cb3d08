#pragma once
#include "model/collaborative_tokens.h"
#include "model/settings.h"
#include "nn/layers.h"
#include "nn/residual_quantizer.h"

namespace tessera {

/// What the ID table is called in files.
inline constexpr const char* kIdTokens = "id_tokens";

/// The distinct items of a step. The first input_weights.size() of them occur as inputs, item i
/// with the share input_weights[i] of all input occurrences, those of other ranks included.
struct StepItems {
  std::span<const std::int32_t> items;
  std::span<const float> input_weights;
};

/// Means over input occurrences. The spans live in the step's arena.
struct ItemLosses {
  double reconstruction = 0.0;
  std::span<double> commitment;     ///< one a level
  std::span<double> residual_norm;  ///< ‖r_l‖, one a level
};

/// The vectors behind the codes of one place, and the column of an item vector they begin at.
struct TokenTable {
  MatrixView<const float> rows;  ///< [codebook size, dims]
  std::size_t column = 0;
};

/// Item text embedding and item number → item vector: [ sum of the chosen codebook rows ‖
/// collaborative tokens ‖ ID token ] (Lin et al. 2025, section 3, but for the collaborative ones).
/// Without tokens of a kind that part has no columns.
struct UnifiedItemEncoder {
  Settings settings;
  Mlp encoder, decoder;  ///< text width → … → semantic dims, and back
  ResidualQuantizer quantizer;
  CollaborativeTokens collaborative;
  Parameter ids;  ///< [items, ID dims]
  /// [ID dims] The ID token of items that training did not see: withheld ones, and those put into a
  /// running service. Zero until a training has ended, and where new items have none.
  std::vector<float> new_id;

  struct Cache {
    StepItems step;
    MatrixView<const float> text;  ///< of all items that it holds
    Mlp::Cache encoder;
    ResidualQuantizer::Cache quantized;
    MatrixView<float> vectors;  ///< [distinct, width]
  };

  UnifiedItemEncoder() = default;
  UnifiedItemEncoder(const Settings& model_settings, std::size_t items, std::size_t text_dims);
  /// Of a catalogue of `items`, of which this encoder may hold some rows alone. The same values
  /// whoever holds them.
  void initialise(Random& random, std::size_t items, const RowSelection& held);
  void collect(ParameterList& list);
  std::size_t text_dims() const { return encoder.layers.empty() ? 0 : encoder.layers[0].in(); }

  /// Of a code's place among an item's codes: its level, or levels + its collaborative part.
  TokenTable token_table(std::size_t place) const;

  /// `text` [items, text dims] holds the embeddings of all its items; empty without semantic
  /// tokens. In the settings' training precision, as the backward pass.
  Cache forward(MatrixView<const float> text, const StepItems& step, StepArena& arena) const;
  /// From dvectors [distinct, width]: sets every gradient, those of the weighted reconstruction and
  /// commitment losses included, and returns these losses (unweighted).
  ItemLosses backward(const Cache& cache, MatrixView<const float> dvectors, StepArena& arena);

 private:
  Mlp::Cache encode_text(MatrixView<const float> text, std::span<const std::int32_t> items,
                         StepArena& arena) const;
  // ‖r_l − sg(c)‖² / dims at every level, and its gradient added to dz.
  void add_commitment(const Cache& cache, MatrixView<float> dz, ItemLosses& losses,
                      StepArena& arena) const;
  // ‖decoder(semantic) − text‖², the decoder's gradients, and what passes on added to dz.
  void add_reconstruction(const Cache& cache, MatrixView<float> dz, ItemLosses& losses,
                          StepArena& arena);
};

}  // namespace tessera
