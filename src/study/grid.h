#pragma once
#include <string>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// A model of the study but for its seed.
struct Variant {
  std::string name;  ///< of its bundle, without the seed
  Settings settings;
};

/// One model in a comparison.
struct StudyPoint {
  std::string label;
  std::size_t variant = 0;  ///< into StudyGrid::variants
};

/// Models that differ in one thing: what one figure of the study shows.
struct Comparison {
  std::string key;   ///< "tokens", "distance", or the setting that is varied
  std::string axis;  ///< what the labels count; empty where they are names
  std::vector<StudyPoint> points;
};

/// All models to train and all comparisons between them. A model that stands in several
/// comparisons is one variant.
struct StudyGrid {
  std::vector<Variant> variants;  ///< in the order to train them; the first is the study's own
  std::vector<Comparison> comparisons;

  /// The comparison with this key; std::out_of_range if there is none.
  const Comparison& comparison(const std::string& key) const;
};

/// The study of Lin et al. 2025 by the `paper` recipe, and its tokens by the `default` recipe where
/// that is known. `assignments` (key=value) change every recipe first; what a comparison varies
/// stands above them. `quick`: fewer points and very few epochs. Throws UsageError for an
/// assignment that apply_setting refuses.
StudyGrid study_grid(const std::vector<std::string>& assignments, bool quick);

/// Whether this program has a recipe of this name.
bool has_recipe(const std::string& name);

}  // namespace tessera
