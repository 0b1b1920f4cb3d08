#include "eval/report.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/error.h"
#include "eval/model_scorer.h"
#include "eval/tuning.h"
#include "model/carry_over.h"
#include "model/seen.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// The dataset of an evaluation and how it measures a system.
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

template <class Value>
Value value_of(const char* option, std::string_view word,
               std::span<const NamedValue<Value>> known) {
  const auto found = std::ranges::find(known, word, &NamedValue<Value>::word);
  if (found != known.end()) return found->value;
  std::string words;
  for (const std::string& one : words_of(known)) words += (words.empty() ? "" : " or ") + one;
  fail_usage("{} '{}': it must be {}", option, word, words);
}

bool tuned(const EvaluateOptions& options) { return options.baselines == Baselines::tuned; }

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

// A model on the data of the evaluation: its own, or newer ones.
Bundle read_model_of(const Evaluation& evaluation, const fs::path& model) {
  if (!evaluation.options.newer) return read_bundle_of(model, evaluation.data);
  return carried_over(read_bundle(model), model, evaluation.data, evaluation.options.data);
}

std::size_t count_rankings(const EvaluateOptions& options) {
  const std::size_t models = options.compare.empty() ? 1 : 2;
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

Evaluation open_evaluation(const EvaluateOptions& options) {
  Evaluation evaluation(options);
  if (options.split == Split::train) fail_usage("the split train is not held out");
  if (!evaluation.sampled() && !options.negatives.empty()) {
    fail_usage("--negatives belongs to --protocol sampled");
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

std::vector<TargetPlace> rank(Evaluation& evaluation, Split split, const Scorer& scorer,
                              TopLists* lists) {
  const ProgressFunction progress = [&](std::size_t done, std::size_t total) {
    if (!evaluation.options.progress) return;
    evaluation.options.progress(evaluation.ranked * total + done, evaluation.rankings * total);
  };
  std::vector<TargetPlace> places =
      evaluation.sampled()
          ? rank_sampled(evaluation.data, split, evaluation.negatives, scorer, progress,
                         evaluation.options.repeats)
          : rank_full(evaluation.data, split, scorer, progress, lists, evaluation.options.repeats);
  ++evaluation.ranked;
  return places;
}

struct Measured {
  SystemFigures figures;
  std::vector<TargetPlace> places;
};

Measured measure(Evaluation& evaluation, const std::string& name, const Scorer& scorer) {
  Measured measured;
  TopLists lists;
  measured.places = rank(evaluation, evaluation.options.split, scorer, &lists);
  SystemFigures& figures = measured.figures;
  const std::uint64_t seed = evaluation.options.seed;
  figures.whole = figures_of(name, measured.places, evaluation.chance, seed);
  for (const Slice& slice : evaluation.slices) {
    figures.slices.push_back(figures_of(slice.name, take(measured.places, slice.users),
                                        take(evaluation.chance, slice.users), seed));
  }
  if (!evaluation.sampled()) {
    figures.beyond = beyond_accuracy(lists, evaluation.popularity, evaluation.history_popularity,
                                     evaluation.embeddings);
  }
  return measured;
}

Measured measure(Evaluation& evaluation, const fs::path& name, const Bundle& bundle) {
  return measure(evaluation, name.string(),
                 model_scorer(bundle.model, bundle.catalogue, evaluation.data));
}

// Of all users, then of each slice.
std::vector<SliceDifference> differences_of(const Evaluation& evaluation,
                                            std::span<const TargetPlace> places,
                                            std::span<const TargetPlace> others) {
  const std::uint64_t seed = evaluation.options.seed;
  std::vector<SliceDifference> result = {
      {"all", places.size(), paired_bootstrap(places, others, seed)}};
  for (const Slice& slice : evaluation.slices) {
    result.push_back(
        {slice.name, slice.users.size(),
         paired_bootstrap(take(places, slice.users), take(others, slice.users), seed)});
  }
  return result;
}

Json difference_json(const fs::path& other, std::span<const SliceDifference> differences) {
  Json json = to_json(differences[0].difference);
  json["model"] = other.string();
  for (const SliceDifference& slice : differences.subspan(1)) {
    json["slices"][slice.name] = to_json(slice.difference);
    json["slices"][slice.name]["users"] = slice.users;
  }
  return json;
}

SystemFigures measure(Evaluation& evaluation, const BaselineFamily& family) {
  const std::string goal = evaluation.sampled() ? "HR@10" : "NDCG@10";
  Json tried = Json::array();
  Json validation;
  std::vector<double> setting;
  for (const Axis& axis : family.axes) setting.push_back(axis.values.front());
  if (tuned(evaluation.options)) {
    const std::vector<Trial> trials =
        search(family.axes, evaluation.options.budget, goal, [&](std::span<const double> values) {
          return metrics_of(
              rank(evaluation, Split::validation, family.make(evaluation.data, values), nullptr));
        });
    evaluation.ranked += evaluation.options.budget - trials.size();
    for (const Trial& trial : trials) {
      tried.push_back({{"settings", setting_json(family.axes, trial.setting)},
                       {"validation", to_json(trial.validation)}});
    }
    const Trial& best = best_of(trials, goal);
    setting = best.setting;
    validation = to_json(best.validation);
  }
  SystemFigures figures =
      measure(evaluation, family.name, family.make(evaluation.data, setting)).figures;
  figures.choice = {{"settings", setting_json(family.axes, setting)}};
  if (!tried.empty()) {
    figures.choice["tuning"] = {{"metric", goal},
                                {"budget", evaluation.options.budget},
                                {"validation", validation},
                                {"tried", tried}};
  }
  return figures;
}

std::string now_in_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%FT%TZ", &utc);
  return time.data();
}

void log_test_evaluation(const fs::path& bundle, const Json& report, const Metrics& metrics) {
  const fs::path file = bundle / "evaluations.jsonl";
  std::string log = fs::exists(file) ? read_file(file) : "";
  Json line = {{"time", now_in_utc()}, {"metrics", to_json(metrics)}};
  for (const char* key : {"split", "protocol", "negatives", "users", "seen"})
    line[key] = report.at(key);
  line["repeats"] = report.at("repeats").at("rule");
  write_file(file, log + dump_json(line) + "\n");
}

void add_baselines(Evaluation& evaluation, EvaluationReport& report) {
  report.systems.push_back(
      measure(evaluation, "popularity", popularity_scorer(evaluation.data)).figures);
  for (const BaselineFamily& family : baseline_families()) {
    report.systems.push_back(measure(evaluation, family));
  }
}

}  // namespace

Split split_of(std::string_view word) { return value_of<Split>("--split", word, kSplits); }
Protocol protocol_of(std::string_view word) {
  return value_of<Protocol>("--protocol", word, kProtocols);
}
Repeats repeats_of(std::string_view word) { return value_of<Repeats>("--repeats", word, kRepeats); }
Baselines baselines_of(std::string_view word) {
  return value_of<Baselines>("--baselines", word, kBaselines);
}

EvaluationReport evaluate(const EvaluateOptions& options) {
  Evaluation evaluation = open_evaluation(options);
  const Bundle bundle = read_model_of(evaluation, options.model);
  EvaluationReport report;
  report.data_name = evaluation.data.name;
  report.simulated = evaluation.data.simulated;
  report.candidates =
      evaluation.sampled() ? evaluation.negatives.per_user + 1 : evaluation.data.items.size();
  report.repeated_targets = evaluation.repeated_targets;
  report.seen = evaluation.seen;
  report.left_out = evaluation.left_out;
  report.tokens =
      token_statistics(bundle.model.settings, bundle.catalogue.codes, bundle.items.size());
  auto& systems = report.systems;
  Measured model = measure(evaluation, options.model, bundle);
  systems.push_back(std::move(model.figures));
  const Figures whole = systems[0].whole;
  Json& json = report.json;
  json = {{"split", word_of<Split>(kSplits, options.split)},
          {"protocol", word_of<Protocol>(kProtocols, options.protocol)},
          {"users", whole.metrics.users},
          {"repeats",
           {{"rule", word_of<Repeats>(kRepeats, options.repeats)},
            {"targets", report.repeated_targets},
            {"share", static_cast<double>(report.repeated_targets) /
                          static_cast<double>(whole.metrics.users)}}},
          {"metrics", to_json(whole.metrics)},
          {"interval", to_json(whole.interval)},
          {"chance", to_json(whole).at("chance")},
          {"tokens", to_json(report.tokens)},
          {"slices", to_json(systems[0].slices)},
          {"seen", report.seen},
          {"left_out", report.left_out},
          {"simulated", evaluation.data.simulated}};
  json["negatives"] = !evaluation.sampled() ? Json(nullptr)
                      : options.negatives.empty()
                          ? Json(fmt::format("drawn by seed {}", options.seed))
                          : Json(options.negatives.string());
  if (!evaluation.sampled()) {
    report.targets = beyond_accuracy(target_lists(evaluation.data, evaluation.options.split),
                                     evaluation.popularity, evaluation.history_popularity,
                                     evaluation.embeddings);
    json["beyond_accuracy"] = to_json(*systems[0].beyond);
    json["targets"] = to_json(*report.targets);
  }
  if (!options.compare.empty()) {
    Measured other =
        measure(evaluation, options.compare, read_model_of(evaluation, options.compare));
    report.differences = differences_of(evaluation, model.places, other.places);
    json["difference"] = difference_json(options.compare, report.differences);
    json["compared"] = to_json(other.figures);
    systems.push_back(std::move(other.figures));
  }
  if (options.baselines != Baselines::none) {
    const std::size_t first = systems.size();
    add_baselines(evaluation, report);
    for (const SystemFigures& baseline : std::span(systems).subspan(first)) {
      json["baselines"][baseline.whole.name] = to_json(baseline);
    }
  }
  if (evaluation.options.split == Split::test) {
    log_test_evaluation(options.model, json, whole.metrics);
    if (!options.compare.empty()) {
      log_test_evaluation(options.compare, json, systems[1].whole.metrics);
    }
  }
  return report;
}

}  // namespace tessera
