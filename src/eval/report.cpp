#include "eval/report.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/error.h"
#include "base/folders.h"
#include "eval/evaluation.h"
#include "eval/model_scorer.h"
#include "eval/tuning.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

template <class Value>
Value value_of(const char* option, std::string_view word,
               std::span<const NamedValue<Value>> known) {
  const auto found = std::ranges::find(known, word, &NamedValue<Value>::word);
  if (found != known.end()) return found->value;
  std::string words;
  for (const std::string& one : words_of(known)) words += (words.empty() ? "" : " or ") + one;
  fail_usage("{} '{}': it must be {}", option, word, words);
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

// Name → mean over users, of each cut-off that was asked for.
Json metrics_at(std::span<const TargetPlace> places, std::span<const std::size_t> cuts) {
  constexpr std::pair<const char*, double (*)(TargetPlace, std::size_t)> kAt[] = {
      {"HR", hit_rate}, {"NDCG", ndcg}, {"MRR", reciprocal_rank}};
  Json json;
  for (const std::size_t cut : cuts) {
    for (const auto& [name, value] : kAt) {
      double sum = 0.0;
      for (const TargetPlace place : places) sum += value(place, cut);
      json[fmt::format("{}@{}", name, cut)] = sum / static_cast<double>(places.size());
    }
  }
  return json;
}

Measured measure(const Evaluation& evaluation, const std::string& name,
                 std::vector<TargetPlace> places, const TopLists& lists) {
  Measured measured;
  measured.places = std::move(places);
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
  if (!evaluation.options.at.empty()) {
    figures.choice["at"] = metrics_at(measured.places, evaluation.options.at);
  }
  return measured;
}

Measured measure(Evaluation& evaluation, const std::string& name, const Scorer& scorer) {
  TopLists lists;
  std::vector<TargetPlace> places = rank(evaluation, evaluation.options.split, scorer, &lists);
  return measure(evaluation, name, std::move(places), lists);
}

Measured measure(Evaluation& evaluation, const Predictions& predictions) {
  if (predictions.scorer) return measure(evaluation, predictions.name, *predictions.scorer);
  if (evaluation.sampled()) {
    fail_usage("{}: lists are not ranked by --protocol sampled: give a matrix of scores",
               predictions.name);
  }
  TopLists lists;
  const EvaluateOptions& options = evaluation.options;
  std::vector<TargetPlace> places =
      rank_lists(evaluation.data, options.split, predictions, &lists, options.repeats);
  return measure(evaluation, predictions.name, std::move(places), lists);
}

// Those of files and those in memory. Throws Error for one that names nobody or nothing known.
std::vector<Predictions> predictions_of(const Evaluation& evaluation) {
  const EvaluateOptions& options = evaluation.options;
  std::vector<Predictions> all;
  for (const fs::path& file : options.predictions) {
    all.push_back(read_predictions(file, evaluation.data, options.split));
  }
  for (const auto& given : options.given) all.push_back(given(evaluation.data, options.split));
  for (const Predictions& one : all) {
    const auto users = evaluated_users(evaluation.data, options.split);
    const bool anybody = std::ranges::any_of(
        users, [&](std::int32_t user) { return one.listed[static_cast<std::size_t>(user)] != 0; });
    if (!anybody) {
      fail("{}: has no list of any of the {} users that are evaluated{}", one.name, users.size(),
           one.unknown_users > 0 ? fmt::format("; '{}' is no user", one.unknown_user) : "");
    }
    if (one.entries > 0 && one.unknown_items == one.entries) {
      fail("{}: none of its items is in the dataset, the first is '{}'", one.name,
           one.unknown_item);
    }
  }
  return all;
}

// The protocol in words, so that a figure can be read without this program.
Json stated_protocol(const Evaluation& evaluation, bool lists) {
  const char* masked[] = {
      "items of the user's history before the target, the target included where it is one of them",
      "nothing", "items of the user's history before the target, but never the target"};
  const EvaluateOptions& options = evaluation.options;
  Json stated = {
      {"candidates", evaluation.sampled() ? "the target and its negatives"
                                          : fmt::format("all {} items of the catalogue",
                                                        evaluation.data.items.size())},
      {"masked", masked[static_cast<std::size_t>(options.repeats)]},
      {"users", "those with a target of the split, whether or not a system has a list for them"},
      {"repeated_targets", options.repeats == Repeats::excluded ? "missed" : "ranked"},
      {"cold_targets", "ranked like all others"},
      {"ties", "the mean over all orders of items with equal scores"}};
  if (lists) {
    stated["lists"] = "a target that a list does not hold counts 0 in every metric, MRR included";
  }
  return stated;
}

// A line a user: {"user", "target", "history", "places": {system: [better, tied], or null}}.
void write_per_user(const Evaluation& evaluation, std::span<const Measured> systems) {
  const Dataset& data = evaluation.data;
  std::string lines;
  std::size_t place = 0;
  for (const std::int32_t number : evaluated_users(data, evaluation.options.split)) {
    const auto user = static_cast<std::size_t>(number);
    const Split split = evaluation.options.split;
    Json line = {{"user", data.user_ids[user]},
                 {"target", data.items[static_cast<std::size_t>(target_of(data, user, split))].id},
                 {"history", history_before(data, user, split).size()},
                 {"places", Json::object()}};
    for (const Measured& system : systems) {
      const TargetPlace at = system.places[place];
      line["places"][system.figures.whole.name] =
          at.better == kMissed.better ? Json() : Json({at.better, at.tied});
    }
    lines += dump_json(line) + "\n";
    ++place;
  }
  write_file(evaluation.options.per_user, lines);
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
  figures.choice["settings"] = setting_json(family.axes, setting);
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

// The largest cut-off that is reported.
std::size_t largest_cut(const EvaluateOptions& options) {
  std::size_t largest = 0;
  for (const Metric& metric : kMetrics) largest = std::max(largest, metric.cut);
  for (const std::size_t cut : options.at) largest = std::max(largest, cut);
  return largest;
}

void add_traps(const Evaluation& evaluation, std::span<const Predictions> predictions,
               EvaluationReport& report) {
  if (predictions.empty()) return;
  const EvaluateOptions& options = evaluation.options;
  report.traps.push_back(
      {"", traps_in(evaluation.data, options.split, options.repeats, evaluation.popularity)});
  for (const Predictions& one : predictions) {
    report.traps.push_back({one.name, traps_in(evaluation.data, options.split, one, options.repeats,
                                               largest_cut(options))});
  }
  std::erase_if(report.traps, [](const SystemTraps& of) { return of.traps.empty(); });
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

TokenStatistics tokens_of(const Bundle& bundle) {
  const Settings& settings = bundle.model.settings;
  const Catalogue& catalogue = bundle.catalogue;
  TokenStatistics statistics = token_statistics(settings, catalogue.codes, bundle.items.size());
  std::vector<float> ids;
  ids.reserve(catalogue.items() * settings.id_width());
  for (const std::int32_t row : catalogue.rows) {
    const std::span<const float> vector =
        catalogue.vectors.view().row(static_cast<std::size_t>(row));
    const std::span<const float> id = vector.last(settings.id_width());
    ids.insert(ids.end(), id.begin(), id.end());
  }
  statistics.id = id_statistics(ids, bundle.model.item_encoder.new_id);
  return statistics;
}

EvaluationReport evaluate(const EvaluateOptions& options) {
  check_output(options.per_user, "places of users that evaluate wrote", [](std::string_view text) {
    return text.starts_with("{\"history\":") && text.find("\"places\":") != text.npos;
  });
  Evaluation evaluation = open_evaluation(options);
  EvaluationReport report;
  report.data_name = evaluation.data.name;
  report.simulated = evaluation.data.simulated;
  report.candidates =
      evaluation.sampled() ? evaluation.negatives.per_user + 1 : evaluation.data.items.size();
  report.repeated_targets = evaluation.repeated_targets;
  report.seen = evaluation.seen;
  report.left_out = evaluation.left_out;
  std::vector<Measured> measured;
  if (!options.model.empty()) {
    const Bundle bundle = read_model_of(evaluation, options.model);
    report.tokens = tokens_of(bundle);
    measured.push_back(measure(evaluation, options.model, bundle));
  }
  const std::vector<Predictions> predictions = predictions_of(evaluation);
  add_traps(evaluation, predictions, report);
  if (!options.compare.empty()) {
    measured.push_back(
        measure(evaluation, options.compare, read_model_of(evaluation, options.compare)));
  }
  for (const Predictions& one : predictions) measured.push_back(measure(evaluation, one));
  for (const Measured& system : measured) report.systems.push_back(system.figures);
  for (std::size_t other = 1; other < measured.size(); ++other) {
    report.differences.push_back(
        {measured[other].figures.whole.name,
         differences_of(evaluation, measured[0].places, measured[other].places)});
  }
  if (!options.per_user.empty()) write_per_user(evaluation, measured);

  const SystemFigures first = report.systems[0];
  const Figures& whole = first.whole;
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
          {"slices", to_json(first.slices)},
          {"seen", report.seen},
          {"left_out", report.left_out},
          {"simulated", evaluation.data.simulated}};
  if (!options.model.empty()) json["tokens"] = to_json(report.tokens);
  if (!options.at.empty()) json["at"] = first.choice.at("at");
  json["negatives"] = !evaluation.sampled() ? Json(nullptr)
                      : options.negatives.empty()
                          ? Json(fmt::format("drawn by seed {}", options.seed))
                          : Json(options.negatives.string());
  if (!evaluation.sampled()) {
    report.targets = beyond_accuracy(target_lists(evaluation.data, evaluation.options.split),
                                     evaluation.popularity, evaluation.history_popularity,
                                     evaluation.embeddings);
    json["beyond_accuracy"] = to_json(*first.beyond);
    json["targets"] = to_json(*report.targets);
  }
  if (!options.compare.empty()) {
    json["difference"] = difference_json(options.compare, report.differences[0].slices);
    json["compared"] = to_json(report.systems[1]);
  }
  if (!predictions.empty()) {
    const bool lists =
        std::ranges::any_of(predictions, [](const Predictions& one) { return !one.scorer; });
    json["stated"] = stated_protocol(evaluation, lists);
    json["system"] = whole.name;
    for (const SystemFigures& system : report.systems) {
      json["systems"][system.whole.name] = to_json(system);
    }
    for (const SystemDifferences& one : report.differences) {
      json["differences"][one.other] = difference_json(one.other, one.slices);
    }
    json["traps"] = Json::array();
    for (const SystemTraps& of : report.traps) {
      for (Json trap : to_json(of.traps)) {
        trap["system"] = of.system.empty() ? Json() : Json(of.system);
        json["traps"].push_back(std::move(trap));
      }
    }
  }
  if (options.baselines != Baselines::none) {
    auto& systems = report.systems;
    const std::size_t before = systems.size();
    add_baselines(evaluation, report);
    for (const SystemFigures& baseline : std::span(systems).subspan(before)) {
      json["baselines"][baseline.whole.name] = to_json(baseline);
    }
  }
  if (evaluation.options.split == Split::test && !options.model.empty()) {
    log_test_evaluation(options.model, json, whole.metrics);
    if (!options.compare.empty()) {
      log_test_evaluation(options.compare, json, report.systems[1].whole.metrics);
    }
  }
  return report;
}

}  // namespace tessera
