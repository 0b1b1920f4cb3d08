#pragma once
#include <cmath>

#include "model/recommender.h"

namespace tessera::testing {

/// Width of the text vectors of most small models.
inline constexpr std::size_t kTextDims = 5;

/// `tokens` as the setting, or "collaborative": unified with collaborative tokens.
inline Settings small_settings(const std::string& tokens = "unified") {
  Settings settings;
  if (tokens != "collaborative") {
    apply_setting(settings, "tokens=" + tokens);
  } else {
    settings.collaborative_tokens = 2;
    settings.collaborative_dims = 4;
  }
  settings.levels = 3;
  settings.codebook_size = 5;
  settings.semantic_dims = 6;
  settings.id_dims = 3;
  settings.id_only_dims = 7;
  settings.hidden = 8;
  settings.feed_forward = 11;
  settings.max_length = 4;
  return settings;
}

/// A model whose every parameter and codebook is drawn at a size that matters.
inline Recommender small_model(const Settings& settings, std::size_t items, std::size_t text_dims,
                               std::uint64_t seed = 7) {
  Recommender model(settings, items, text_dims);
  Random random(seed);
  for (Parameter* parameter : model.parameters()) {
    const double inputs = static_cast<double>(parameter->value.cols());
    fill_normal(parameter->value.span(), 1.0 / std::sqrt(inputs), random);
  }
  CollaborativeTokens& collaborative = model.item_encoder.collaborative;
  for (std::int32_t& code : collaborative.codes) {
    code = static_cast<std::int32_t>(random.below(settings.codebook_size));
  }
  fill_normal(collaborative.centres.span(), 0.5, random);
  fill_normal(collaborative.by_text.weights.span(), 0.5, random);
  for (ResidualQuantizer::Level& level : model.item_encoder.quantizer.levels) {
    fill_normal(level.codebook.span(), 0.5, random);
    if (level.distance == Distance::euclidean) continue;
    for (std::size_t c = 0; c < level.codebook.rows(); ++c) {
      double squares = 0.0;
      for (const float x : level.codebook.view().row(c)) squares += double{x} * x;
      for (float& x : level.codebook.view().row(c)) x /= static_cast<float>(std::sqrt(squares));
    }
  }
  return model;
}

}  // namespace tessera::testing
