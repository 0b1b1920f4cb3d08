#pragma once
#include <gtest/gtest.h>

#include "engine/small_bundle.h"
#include "index/index_file.h"
#include "tessera/model.h"

namespace tessera::testing {

using Numbers = std::vector<std::int32_t>;

/// A model over the small bundle of some kind of tokens, and the bundle itself to compute with.
class Served : public ::testing::TestWithParam<const char*> {
 protected:
  Served() {
    write_small_bundle(path, GetParam());
    bundle = read_bundle(path);
    model = std::make_unique<Model>(path);
  }
  /// Scores of the whole catalogue for the history, computed without the index.
  std::vector<float> scores(const Numbers& history) const {
    const History histories[] = {history};
    Matrix state(1, bundle.model.settings.width());
    user_states(bundle.model, bundle.catalogue, histories, state);
    Matrix all(1, bundle.catalogue.items());
    score_catalogue(bundle.catalogue, state, all);
    return {all.span().begin(), all.span().end()};
  }
  std::vector<ScoredItem> best(const Numbers& history, std::size_t k) const {
    return model->recommend(history, {.k = k});
  }
  ItemCard put(const std::string& id, const std::string& text) const {
    return model->put(id, text, model->tokens_of(text));
  }

  TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  Bundle bundle;
  std::unique_ptr<Model> model;
};

}  // namespace tessera::testing
