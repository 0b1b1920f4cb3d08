#pragma once
#include "data/negatives.h"
#include "eval/model_scorer.h"
#include "eval/report.h"

namespace tessera {

/// The dataset of an evaluation and how it measures a system.
struct Evaluation {
  explicit Evaluation(const EvaluateOptions& asked) : options(asked) {}

  const EvaluateOptions& options;
  bool sampled() const { return options.protocol == Protocol::sampled; }

  Dataset data;
  bool seen = false;         // a model was trained on what it is to predict …
  std::size_t left_out = 0;  // … or was, of these users, who are not ranked
  std::size_t repeated_targets = 0;
  Negatives negatives;
  Popularity popularity;
  std::vector<Slice> slices;
  std::vector<TargetPlace> chance;  // of constant scores
  double history_popularity = 0;
  Matrix embeddings;       // empty if the dataset has none
  std::size_t rankings{};  // to be done in all
  std::size_t ranked = 0;
};

inline bool tuned(const EvaluateOptions& options) { return options.baselines == Baselines::tuned; }

/// Reads what the options name. Throws UsageError for options that do not go together, Error where
/// there is nothing to evaluate or a model has seen it all.
Evaluation open_evaluation(const EvaluateOptions& options);
/// A model on the data of the evaluation: its own, or newer ones.
Bundle read_model_of(const Evaluation& evaluation, const fs::path& model);

}  // namespace tessera
