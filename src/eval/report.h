#pragma once
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "eval/code_statistics.h"
#include "eval/metrics.h"
#include "model/bundle.h"

namespace tessera {

struct EvaluateOptions {
  fs::path model, data;
  std::string split = "test";     ///< test | validation
  std::string protocol = "full";  ///< full | sampled
  fs::path negatives;             ///< of the sampled protocol; empty: drawn by seed
  fs::path compare;               ///< another bundle; empty: none
  std::uint64_t seed = 1;         ///< of drawn negatives and of the bootstrap
  bool baselines = false;
  ProgressFunction progress = {};  ///< told of each system that is ranked
};

struct EvaluationReport {
  nlohmann::json json;  ///< the object of `evaluate --json`
  /// What a table shows: a row each system or part of its users.
  std::vector<std::pair<std::string, Metrics>> rows;
  CodeStatistics statistics;
  TokenAccount account;
  std::string data_name;
  bool simulated = false;
  std::size_t candidates = 0;
};

/// Measures a bundle on the dataset it was trained on. A look at the test split is noted in the
/// bundle's evaluations.jsonl: figures chosen by peeking would show. Throws UsageError for a word
/// that is none of its option's, Error if there is nothing to evaluate or the model is of other
/// data.
EvaluationReport evaluate(const EvaluateOptions& options);

}  // namespace tessera
