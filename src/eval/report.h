#pragma once
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "eval/code_statistics.h"
#include "eval/figures.h"
#include "eval/protocol.h"
#include "model/bundle.h"

namespace tessera {

/// Rules that count beside the model, with their customary settings or with the best of some by
/// validation NDCG@10 on the full protocol, HR@10 on the sampled one.
enum class Baselines { none, fixed, tuned };
/// By its name; UsageError for any other word.
Baselines baselines_of(const std::string& word);

/// By its name, "excluded", "allowed" or "published"; UsageError for any other word.
Repeats repeats_of(const std::string& word);

struct EvaluateOptions {
  fs::path model, data;
  std::string split = "test";        ///< test | validation
  std::string protocol = "full";     ///< full | sampled
  fs::path negatives;                ///< of the sampled protocol; empty: drawn by seed
  std::string repeats = "excluded";  ///< see repeats_of
  fs::path compare;                  ///< another bundle; empty: none
  std::uint64_t seed = 1;            ///< of drawn negatives and of the bootstrap
  Baselines baselines = Baselines::none;
  bool newer = false;  ///< the data are newer than a model's: match items by id (carried_over)
  bool seen = false;   ///< go on where a model was trained on what it is to predict, and say so
  std::size_t budget = 16;         ///< settings of a baseline to try where they are tuned
  ProgressFunction progress = {};  ///< of all rankings together
};

/// Mean differences of two models on some users.
struct SliceDifference {
  std::string name;
  std::size_t users = 0;
  PairedDifference difference;
};

struct EvaluationReport {
  nlohmann::json json;  ///< the object of `evaluate --json`
  /// The model, the one it is compared with, the baselines: those there are.
  std::vector<SystemFigures> systems;
  std::vector<SliceDifference> differences;  ///< of all users first; empty without comparison
  std::optional<BeyondAccuracy> targets;     ///< of the targets as lists; full protocol
  TokenStatistics tokens;
  std::string data_name;
  bool simulated = false;
  bool seen = false;         ///< a model was trained on what it predicts here
  std::size_t left_out = 0;  ///< users whose target a model has seen
  std::size_t candidates = 0;
  std::size_t repeated_targets = 0;
};

/// Measures a bundle on the dataset it was trained on. A look at the test split is noted in the
/// evaluations.jsonl of every bundle that is measured: figures chosen by peeking would show. Throws
/// UsageError for a word that is none of its option's, Error if there is nothing to evaluate or a
/// model is of other data, or was refit on what it is to predict while options.seen is not set.
EvaluationReport evaluate(const EvaluateOptions& options);

}  // namespace tessera
