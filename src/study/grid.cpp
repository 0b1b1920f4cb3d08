#include "study/grid.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/error.h"

namespace tessera {
namespace {

// So few that the whole of it ends within ten minutes on two cores.
constexpr std::size_t kQuickEpochs = 4;

// Builds the grid around base settings of one recipe after the other.
struct Builder {
  StudyGrid grid;
  Settings base;

  // The variant with the base settings and these changes, which is added unless it is there.
  std::size_t variant(const std::string& name, const std::vector<std::string>& changes) {
    Settings settings = base;
    for (const std::string& change : changes) apply_setting(settings, change);
    const auto& variants = grid.variants;
    const auto same = std::ranges::find_if(
        variants, [&](const Variant& v) { return to_json(v.settings) == to_json(settings); });
    if (same != variants.end()) return static_cast<std::size_t>(same - variants.begin());
    grid.variants.push_back({name, settings});
    return grid.variants.size() - 1;
  }

  // One setting at these values; 0 stands for none of it, the semantic tokens alone.
  void sweep(const std::string& key, const std::string& axis, const std::string& prefix,
             const std::vector<std::size_t>& values) {
    Comparison comparison{key, axis, {}};
    for (const std::size_t value : values) {
      const std::string number = std::to_string(value);
      std::vector<std::string> changes = {"tokens=semantic"};
      if (value != 0) changes = {"tokens=unified", key + "=" + number};
      comparison.points.push_back({number, variant(prefix + "-" + number, changes)});
    }
    grid.comparisons.push_back(std::move(comparison));
  }
};

Settings base_settings(const std::string& name, const std::vector<std::string>& assignments,
                       bool quick) {
  Settings settings = recipe(name);
  if (quick) settings.epochs = kQuickEpochs;
  if (quick && settings.has_collaborative()) settings.collaborative_epochs = kQuickEpochs;
  for (const std::string& assignment : assignments) apply_setting(settings, assignment);
  return settings;
}

}  // namespace

const Comparison& StudyGrid::comparison(const std::string& key) const {
  const auto found =
      std::ranges::find_if(comparisons, [&](const Comparison& c) { return c.key == key; });
  if (found == comparisons.end()) throw std::out_of_range("no comparison '" + key + "'");
  return *found;
}

bool has_recipe(const std::string& name) {
  try {
    recipe(name);
  } catch (const UsageError&) {
    return false;
  }
  return true;
}

StudyGrid study_grid(const std::vector<std::string>& assignments, bool quick) {
  Builder builder{{}, base_settings("paper", assignments, quick)};
  Comparison tokens{"tokens", "", {}};
  tokens.points = {{"unified", builder.variant("unified", {"tokens=unified"})},
                   {"semantic", builder.variant("semantic", {"tokens=semantic"})},
                   {"ID", builder.variant("id", {"tokens=id"})}};
  if (has_recipe("default")) {
    const Settings paper = builder.base;
    builder.base = base_settings("default", assignments, quick);
    tokens.points.push_back(
        {"unified, default recipe", builder.variant("default-unified", {"tokens=unified"})});
    if (!quick) {
      // Peers trained as validation likes them best: without codes to start from they need longer.
      const auto peer = [&](const char* name, std::vector<std::string> tuned, const char* changes) {
        tuned.insert(tuned.end(), assignments.begin(), assignments.end());
        builder.base = base_settings("default", tuned, quick);
        return builder.variant(name, {changes});
      };
      tokens.points.push_back(
          {"semantic, default recipe",
           peer("default-semantic", {"epochs=20", "learning_rate=0.003"}, "tokens=semantic")});
      tokens.points.push_back(
          {"ID, default recipe",
           peer("default-id", {"epochs=30", "learning_rate=0.003", "dropout=0.5"}, "tokens=id")});
    }
    builder.base = paper;
  }
  builder.grid.comparisons.push_back(std::move(tokens));
  Comparison distances{"distance", "", {}};
  for (const char* distance : {"cosine", "euclidean", "unified"}) {
    distances.points.push_back(
        {distance,
         builder.variant(distance, {"tokens=unified", std::string("distance=") + distance})});
  }
  builder.grid.comparisons.push_back(std::move(distances));
  using Values = std::vector<std::size_t>;
  builder.sweep("codebook_size", "codes a level", "codebook",
                quick ? Values{64, 256, 1024} : Values{64, 128, 256, 512, 1024});
  builder.sweep("id_dims", "dims of an ID token", "id-dims",
                quick ? Values{0, 8, 64} : Values{0, 2, 4, 8, 16, 32, 64});
  builder.sweep("semantic_dims", "dims of a semantic token", "semantic-dims",
                quick ? Values{16, 64} : Values{16, 32, 64, 128});
  return builder.grid;
}

}  // namespace tessera
