#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/causal_transformer.h"
#include "nn/mlp.h"
#include "nn/residual_quantizer.h"

namespace tessera {

/// What an item vector is made of.
enum class Tokens { id, semantic, unified };

/// Everything that shapes a model and its training. The defaults are the `paper` recipe (Lin et al.
/// 2025).
struct Settings {
  std::string recipe = "paper";
  std::string tokens = "unified";    ///< id | semantic | unified
  std::string distance = "unified";  ///< cosine | euclidean | unified (cosine, the last Euclidean)
  std::size_t levels = 3;
  std::size_t codebook_size = 256;
  std::size_t semantic_dims = 64;
  /// Widths between a text and its semantic vector, of the encoder and backwards of the decoder.
  std::string encoder_hidden = "512-256";
  std::size_t collaborative_tokens = 0;  ///< an item, with tokens = unified
  std::size_t collaborative_dims = 64;   ///< of all of them together
  /// Of the model of ID tokens alone that is trained first, to find the collaborative codes.
  std::size_t collaborative_epochs = 30;
  /// How many events of an item weigh as much in its collaborative codes as its text does, where
  /// items have 12 on average (see model/collaborative_tokens.h).
  double text_events = 20.0;
  std::size_t id_dims = 8;        ///< beside semantic tokens
  std::size_t id_only_dims = 64;  ///< with tokens = id
  std::size_t hidden = 64;
  std::size_t heads = 2;
  std::size_t layers = 2;
  std::size_t feed_forward = 256;
  std::size_t max_length = 50;
  double dropout = 0.5;
  std::string objective = "binary";  ///< binary | softmax (see model/objective.h)
  std::size_t negatives = 512;       ///< a step, shared by all positions, with objective = softmax
  double commitment_weight = 1.0;
  double reconstruction_weight = 1.0;
  double learning_rate = 1e-3;
  std::string schedule = "constant";  ///< constant | linear: the rate falls over all the epochs
  /// Of training: fp32 | bf16, of the item encoder's products, which pays where the CPU multiplies
  /// brain floats | auto, bf16 there and fp32 elsewhere.
  std::string precision = "fp32";
  std::size_t batch_users = 256;
  std::size_t epochs = 200;
  std::size_t patience = 10;   ///< epochs without a better validation value before stopping
  std::string select = "MRR";  ///< validation metric that chooses the best epoch
  std::string selection_protocol = "sampled";  ///< sampled | full
  std::uint64_t seed = 1;

  bool has_ids() const { return tokens != "semantic"; }
  bool has_semantics() const { return tokens != "id"; }
  std::size_t id_width() const {
    return tokens == "id" ? id_only_dims : tokens == "unified" ? id_dims : 0;
  }
  std::size_t semantic_width() const { return has_semantics() ? semantic_dims : 0; }
  bool has_collaborative() const { return tokens == "unified" && collaborative_tokens > 0; }
  std::size_t collaborative_width() const { return has_collaborative() ? collaborative_dims : 0; }
  /// An item vector is [semantic ‖ collaborative ‖ ID]; this is where its ID token begins.
  std::size_t shared_width() const { return semantic_width() + collaborative_width(); }
  /// Width of an item vector.
  std::size_t width() const { return shared_width() + id_width(); }
  /// The settings of that first model.
  Settings collaborative_stage() const;
  /// Codes of an item: a semantic one a level, then the collaborative ones.
  std::size_t codes() const {
    return (has_semantics() ? levels : 0) + (has_collaborative() ? collaborative_tokens : 0);
  }
  /// Negatives of a step that all its positions share; 0 where each position has its own.
  std::size_t shared_negatives() const { return objective == "softmax" ? negatives : 0; }
  /// text_dims, encoder_hidden, semantic_dims.
  std::vector<std::size_t> encoder_widths(std::size_t text_dims) const;
  std::vector<Distance> level_distances() const;
  TransformerShape transformer() const;
  Precision training_precision() const;
};

nlohmann::json to_json(const Settings& settings);
/// Throws UsageError for a value of the wrong type or out of range, or an unknown key (with the
/// nearest known one).
Settings settings_from_json(const nlohmann::json& json);
/// Applies `key=value`; errors as settings_from_json.
void apply_setting(Settings& settings, std::string_view assignment);
/// Every setting with its value by each recipe, for help texts.
std::string settings_help();
/// The named recipe; throws UsageError with the known ones.
Settings recipe(const std::string& name);

}  // namespace tessera
