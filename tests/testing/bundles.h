#pragma once
#include "model/bundle.h"

namespace tessera::testing {

/// Writes a bundle as a process alone does.
inline void write_bundle(const fs::path& directory, Recommender& model, const Catalogue& catalogue,
                         const std::vector<CatalogueItem>& items,
                         const nlohmann::json& facts = nlohmann::json::object()) {
  make_directory(directory);
  std::vector<std::vector<Half>> halves;
  write_safetensors(directory / kWeightsFile, bundle_tensors(model, catalogue, halves));
  describe_bundle(directory, model, items, facts);
}

}  // namespace tessera::testing
