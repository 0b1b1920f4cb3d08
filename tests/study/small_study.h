#pragma once
#include "study/results.h"

namespace tessera::testing {

/// Settings that train in a blink on a shop of a few hundred users.
inline const std::vector<std::string> kTinySettings = {
    "epochs=2",        "codebook_size=8", "semantic_dims=8", "hidden=8",
    "feed_forward=16", "max_length=6",    "batch_users=64"};

/// Data that look like Beauty to the tables of published figures.
inline StudyData beauty_like(const std::string& name) {
  StudyData data;
  data.name = name;
  data.published = "Beauty";
  data.fingerprint = "f";
  data.users = data.tested = 22'363;
  data.items = 12'101;
  data.events = 198'502;
  return data;
}

inline Metrics metrics_at(double hr10) {
  return {22'363, hr10 / 5, hr10 / 2, hr10, hr10 / 3, hr10 / 2.5, hr10 / 2.2};
}

/// A result whose every figure follows from `hr10`.
inline RunResult result_at(double hr10, std::size_t levels = 3) {
  RunResult result;
  result.epochs = 3;
  result.best_epoch = 2;
  result.train_seconds = 30;
  result.evaluate_seconds = 2;
  result.validation = metrics_at(hr10 + 0.05);
  result.sampled = metrics_at(hr10);
  result.full = metrics_at(hr10 / 10);
  for (std::size_t l = 0; l < levels; ++l) {
    result.codes.activation.push_back(1.0 - 0.1 * static_cast<double>(l));
    result.codes.perplexity.push_back(200.0);
  }
  result.codes.unique_share = 0.75;
  result.codes.distinct_share = 0.8125;
  result.codes.largest_collision = 7;
  result.account = {145'960, 620'143, 0.8115};
  for (int epoch = 1; epoch <= 3; ++epoch) {
    result.curve.push_back({1.0 / epoch, metrics_at(hr10 * epoch / 3)});
  }
  return result;
}

}  // namespace tessera::testing
