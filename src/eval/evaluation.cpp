#include "eval/evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "eval/tuning.h"
#include "model/carry_over.h"
#include "model/seen.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// Leaves out users whose target a model was trained on. A refit has seen all of its own data, and
// is refused unless asked for.
void leave_out_seen(Evaluation& evaluation) {
  const EvaluateOptions& options = evaluation.options;
  const std::string digest = fingerprint(evaluation.data);
  const std::size_t before = evaluated_users(evaluation.data, options.split).size();
  for (const fs::path& model : {options.model, options.compare}) {
    if (model.empty()) continue;
    const Json config = read_config(model);
    const bool own =
        config.contains("data") && config.at("data").value("fingerprint", "") == digest;
    if (is_refit(config) && own) {
      if (!options.seen) check_unseen(config, model);
      evaluation.seen = true;
    } else if (config.contains("seen")) {
      leave_out_seen(evaluation.data, config.at("seen"));
    }
  }
  evaluation.left_out = before - evaluated_users(evaluation.data, options.split).size();
}

std::size_t count_rankings(const EvaluateOptions& options) {
  const std::size_t models = (options.model.empty() ? 0 : 1) + (options.compare.empty() ? 0 : 1) +
                             options.predictions.size() + options.given.size();
  if (options.baselines == Baselines::none) return models;
  const std::size_t families = baseline_families().size();
  return models + 1 + families * (tuned(options) ? options.budget + 1 : 1);
}

void read_negatives(Evaluation& evaluation) {
  const EvaluateOptions& options = evaluation.options;
  if (!evaluation.sampled()) return;
  evaluation.negatives =
      options.negatives.empty()
          ? draw_negatives(evaluation.data, options.seed, drawable_negatives(evaluation.data))
          : read_negatives(options.negatives, evaluation.data);
}

}  // namespace

Bundle read_model_of(const Evaluation& evaluation, const fs::path& model) {
  const Json facts = read_config(model).value("data", Json::object());
  const bool own = facts.value("fingerprint", "") == fingerprint(evaluation.data);
  if (own || !evaluation.options.newer) return read_bundle_of(model, evaluation.data);
  return carried_over(read_bundle(model), model, evaluation.data, evaluation.options.data);
}

Evaluation open_evaluation(const EvaluateOptions& options) {
  Evaluation evaluation(options);
  if (options.split == Split::train) fail_usage("the split train is not held out");
  if (!evaluation.sampled() && !options.negatives.empty()) {
    fail_usage("--negatives belongs to --protocol sampled");
  }
  if (options.model.empty() && options.predictions.empty() && options.given.empty()) {
    fail_usage("--model or --predictions is needed");
  }
  if (options.model.empty() && !options.compare.empty()) {
    fail_usage("--compare belongs to --model: name several files after --predictions");
  }
  for (const std::size_t cut : options.at) {
    if (cut == 0) fail_usage("--at 0: a cut-off is 1 or more");
  }
  if (options.budget == 0) fail_usage("--budget 0: at least one setting must be tried");
  evaluation.data = read_dataset(options.data);
  leave_out_seen(evaluation);
  const Dataset& data = evaluation.data;
  const Split split = options.split;
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  if (users.empty() && evaluation.left_out > 0) {
    fail("{}: of all {} users the {} split would evaluate a model has seen what is to be predicted",
         options.data.string(), evaluation.left_out, word_of<Split>(kSplits, options.split));
  }
  if (users.empty()) {
    fail("{}: no user has {} events, so there is nothing to evaluate", options.data.string(),
         kMinEvaluatedEvents);
  }
  evaluation.repeated_targets =
      static_cast<std::size_t>(std::ranges::count_if(users, [&](int user) {
        return target_repeats(data, static_cast<std::size_t>(user), split);
      }));
  read_negatives(evaluation);
  evaluation.popularity = training_popularity(data);
  evaluation.slices = slices_of(data, split, evaluation.popularity);
  evaluation.rankings = count_rankings(options);
  if (evaluation.sampled()) {
    evaluation.chance =
        chance_sampled(data, split, evaluation.negatives, evaluation.options.repeats);
    return evaluation;
  }
  evaluation.chance = chance_full(data, split, evaluation.options.repeats);
  evaluation.history_popularity = history_popularity(data, split, evaluation.popularity);
  if (fs::exists(options.data / kEmbeddingsFile)) {
    evaluation.embeddings = read_embeddings(options.data, data.items.size());
  }
  return evaluation;
}

}  // namespace tessera
