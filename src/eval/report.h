#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "eval/code_statistics.h"
#include "eval/figures.h"
#include "eval/predictions.h"
#include "eval/protocol.h"
#include "eval/traps.h"
#include "model/bundle.h"

namespace tessera {

/// Rules that count beside the model, with their customary settings or with the best of some by
/// validation NDCG@10 on the full protocol, HR@10 on the sampled one.
enum class Baselines { none, fixed, tuned };

/// A value that an option names by a word.
template <class Value>
struct NamedValue {
  std::string_view word;
  Value value;
};
inline constexpr NamedValue<Split> kSplits[] = {{"test", Split::test},
                                                {"validation", Split::validation}};
inline constexpr NamedValue<Protocol> kProtocols[] = {{"full", Protocol::full},
                                                      {"sampled", Protocol::sampled}};
inline constexpr NamedValue<Repeats> kRepeats[] = {{"excluded", Repeats::excluded},
                                                   {"allowed", Repeats::allowed},
                                                   {"published", Repeats::published}};
inline constexpr NamedValue<Baselines> kBaselines[] = {
    {"none", Baselines::none}, {"fixed", Baselines::fixed}, {"tuned", Baselines::tuned}};

/// All words of an option, and the one of a value.
template <class Value>
std::vector<std::string> words_of(std::span<const NamedValue<Value>> values) {
  std::vector<std::string> words;
  for (const auto& one : values) words.emplace_back(one.word);
  return words;
}
template <class Value>
std::string_view word_of(std::span<const NamedValue<Value>> values, Value value) {
  return std::ranges::find(values, value, &NamedValue<Value>::value)->word;
}
/// By its name; UsageError for any other word.
Split split_of(std::string_view word);
Protocol protocol_of(std::string_view word);
Repeats repeats_of(std::string_view word);
Baselines baselines_of(std::string_view word);

struct EvaluateOptions {
  fs::path model, data;  ///< without a model predictions are needed
  /// Lists or scores of somebody's systems (read_predictions), each a system beside the model; and
  /// those that are in memory already, read from the data once it is opened.
  std::vector<fs::path> predictions;
  std::vector<std::function<Predictions(const Dataset& data, Split split)>> given;
  std::vector<std::size_t> at;  ///< cut-offs of HR, NDCG and MRR beside the usual ones
  fs::path per_user;            ///< where to write every user's places; empty: nowhere
  Split split = Split::test;    ///< or validation
  Protocol protocol = Protocol::full;
  fs::path negatives;  ///< of the sampled protocol; empty: drawn by seed
  Repeats repeats = Repeats::excluded;
  fs::path compare;        ///< another bundle; empty: none
  std::uint64_t seed = 1;  ///< of drawn negatives and of the bootstrap
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

/// What was wrong with one system's predictions, or ("") with the data.
struct SystemTraps {
  std::string system;
  std::vector<Trap> traps;
};

/// Differences of the first system and another one.
struct SystemDifferences {
  std::string other;
  std::vector<SliceDifference> slices;  ///< of all users first
};

struct EvaluationReport {
  nlohmann::json json;  ///< the object of `evaluate --json`
  /// The model, the one it is compared with, the baselines: those there are.
  std::vector<SystemFigures> systems;
  std::vector<SystemDifferences> differences;  ///< of the first from each it is compared with
  std::vector<SystemTraps> traps;              ///< where there are predictions
  std::optional<BeyondAccuracy> targets;       ///< of the targets as lists; full protocol
  TokenStatistics tokens;
  std::string data_name;
  bool simulated = false;
  bool seen = false;         ///< a model was trained on what it predicts here
  std::size_t left_out = 0;  ///< users whose target a model has seen
  std::size_t candidates = 0;
  std::size_t repeated_targets = 0;
};

/// Measures a bundle on the dataset it was trained on, and predictions, by one protocol, which the
/// report states. A look at the test split is noted in the
/// evaluations.jsonl of every bundle that is measured: figures chosen by peeking would show. Throws
/// UsageError for options that do not go together, Error if there is nothing to evaluate or a model
/// is of other data, or was refit on what it is to predict while options.seen is not set.
EvaluationReport evaluate(const EvaluateOptions& options);

}  // namespace tessera
