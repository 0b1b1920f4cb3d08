#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "nn/causal_transformer.h"
#include "nn/mlp.h"
#include "nn/residual_quantizer.h"

namespace tessera {

// Words of settings: settings_table.cpp lists them in this order, with what they mean.
enum class Tokens : std::uint8_t { id, semantic, unified, automatic };
enum class IdStart : std::uint8_t { random, text, automatic };
enum class TransformerStart : std::uint8_t { random, first_stage, automatic };
enum class LevelDistances : std::uint8_t { cosine, euclidean, unified };
enum class Objective : std::uint8_t { binary, softmax };
enum class EventWeights : std::uint8_t { equal, given };
enum class Windows : std::uint8_t { last, all };
enum class Schedule : std::uint8_t { constant, linear };
enum class TrainingPrecision : std::uint8_t { fp32, bf16, automatic };
enum class Protocol : std::uint8_t { sampled, full };

/// A real number that may be 0, before training sees the data that it is to follow.
inline constexpr double kAutoReal = -1.0;

/// Everything that shapes a model and its training, as the recipe `paper` has it (Lin et al. 2025).
/// What each means, and what values it takes, says the table of settings (model/settings_table.h).
/// Where a number may be `auto` it is 0, or kAutoReal, until training sees the data
/// (train/settings_by_data.h).
struct Settings {
  std::string recipe = "paper";

  Tokens tokens = Tokens::unified;
  LevelDistances distance = LevelDistances::unified;
  std::size_t levels = 3;
  std::size_t codebook_size = 256;
  std::size_t semantic_dims = 64;
  std::vector<std::size_t> encoder_hidden = {512, 256};
  std::size_t collaborative_tokens = 0;
  std::size_t collaborative_dims = 64;
  std::size_t collaborative_epochs = 30;
  double text_events = 20.0;  ///< or kAutoReal
  std::size_t id_dims = 8;
  std::size_t id_only_dims = 64;
  IdStart id_start = IdStart::random;

  std::size_t hidden = 64;
  std::size_t heads = 2;
  std::size_t layers = 2;
  std::size_t feed_forward = 256;
  std::size_t convolution = 0;
  TransformerStart transformer_start = TransformerStart::random;
  std::size_t max_length = 50;
  double dropout = 0.5;  ///< or kAutoReal

  Objective objective = Objective::binary;
  std::size_t negatives = 512;
  EventWeights event_weights = EventWeights::equal;
  double commitment_weight = 1.0;
  double reconstruction_weight = 1.0;
  double learning_rate = 1e-3;  ///< or kAutoReal
  Schedule schedule = Schedule::constant;
  TrainingPrecision precision = TrainingPrecision::fp32;
  double weight_averaging = 0.0;
  Windows windows = Windows::last;
  std::size_t batch_users = 256;
  std::size_t batch_positions = 0;
  std::size_t epochs = 200;

  std::size_t patience = 10;
  std::string select = "MRR";
  Protocol selection_protocol = Protocol::sampled;
  std::uint64_t seed = 1;

  /// Of `automatic` the answers are those of unified tokens, which training begins with.
  bool has_ids() const { return tokens != Tokens::semantic; }
  /// Whether training begins with a table of ID tokens that texts have moved.
  bool starts_at_text() const { return tokens == Tokens::id && id_start == IdStart::text; }
  bool has_semantics() const { return tokens != Tokens::id; }
  std::size_t id_width() const {
    return tokens == Tokens::id ? id_only_dims : tokens == Tokens::semantic ? 0 : id_dims;
  }
  std::size_t semantic_width() const { return has_semantics() ? semantic_dims : 0; }
  bool has_collaborative() const {
    return has_ids() && has_semantics() && collaborative_tokens > 0;
  }
  std::size_t collaborative_width() const { return has_collaborative() ? collaborative_dims : 0; }
  /// An item vector is [semantic ‖ collaborative ‖ ID]; this is where its ID token begins.
  std::size_t shared_width() const { return semantic_width() + collaborative_width(); }
  /// Width of an item vector.
  std::size_t width() const { return shared_width() + id_width(); }
  /// Those of the model of ID tokens alone that is trained first, to find collaborative codes:
  /// dropout and learning rate are what such a model asks for (train/settings_by_data.h).
  Settings collaborative_stage() const;
  /// Codes of an item: a semantic one a level, then the collaborative ones.
  std::size_t codes() const {
    return (has_semantics() ? levels : 0) + (has_collaborative() ? collaborative_tokens : 0);
  }
  /// Negatives of a step that all its positions share; 0 where each position has its own.
  std::size_t shared_negatives() const { return objective == Objective::softmax ? negatives : 0; }
  /// text_dims, encoder_hidden, semantic_dims.
  std::vector<std::size_t> encoder_widths(std::size_t text_dims) const;
  std::vector<Distance> level_distances() const;
  TransformerShape transformer() const;
  Precision training_precision() const;
};

/// The recipe where nobody names one.
inline constexpr const char* kDefaultRecipe = "default";

/// The settings of a recipe; throws UsageError with the known names for another.
Settings recipe(const std::string& name);

nlohmann::json to_json(const Settings& settings);
/// Throws UsageError for what a row refuses, values that do not go together, or an unknown key
/// (with the nearest known one).
Settings settings_from_json(const nlohmann::json& json);
/// Applies `key=value` assignments, and then checks them together; errors as settings_from_json.
/// Where it throws, the settings are as before.
void apply_settings(Settings& settings, std::span<const std::string> assignments);
void apply_setting(Settings& settings, const std::string& assignment);

/// Every setting with its value by each recipe, the values it takes and its sentence, and every
/// recipe: for help texts.
std::string settings_help();
std::string recipes_help();

}  // namespace tessera
