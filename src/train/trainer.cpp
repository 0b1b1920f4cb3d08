#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/folders.h"
#include "base/npy.h"
#include "base/progress.h"
#include "data/parts.h"
#include "data/trends.h"
#include "eval/popularity.h"
#include "model/seen.h"
#include "ranks/placement.h"
#include "tessera/fallback.h"
#include "text/text_encoder_file.h"
#include "train/first_stage.h"
#include "train/new_items.h"
#include "train/refit.h"
#include "train/settings_by_data.h"
#include "train/stepper.h"
#include "train/tensor_files.h"
#include "train/text_start.h"
#include "train/token_choice.h"
#include "train/validation.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct Run {
  const TrainOptions& options;
  const Dataset& data;
  const Matrix& text;
  const Negatives& negatives;
  TrainingState& state;
  TrainingShare share;
  Traffic& traffic;
  Stepper stepper;

  const Settings& settings() const { return state.model.settings; }
  bool refit() const { return data.refit; }
  const Ranks& ranks() const { return share.ranks; }
};

Json loss_json(const std::vector<double>& sums, std::size_t steps) {
  const auto mean = [&](std::size_t i) { return sums[i] / static_cast<double>(steps); };
  Json json = {{"total", mean(0)}, {"recommendation", mean(1)}};
  const std::size_t levels = (sums.size() - 3) / 2;
  if (levels == 0) return json;
  json["reconstruction"] = mean(2);
  json["commitment"] = Json::array();
  json["residual_norm"] = Json::array();
  for (std::size_t l = 0; l < levels; ++l) {
    json["commitment"].push_back(mean(3 + l));
    json["residual_norm"].push_back(mean(3 + levels + l));
  }
  return json;
}

// Whether any rank is to stop: all of them at the same step.
bool interrupted(const Run& run) {
  double stops = run.options.interrupted && run.options.interrupted() ? 1.0 : 0.0;
  all_reduce(run.ranks(), std::span(&stops, 1));
  return stops > 0.0;
}

// False if interrupted.
bool run_epoch(Run& run) {
  TrainingState& state = run.state;
  run.traffic = {};  // of steps alone
  const EpochPlan plan = run.stepper.plan_epoch();
  const double before = state.epoch_seconds;
  const Stopwatch watch;
  while (state.step < plan.size()) {
    if (interrupted(run)) {
      state.epoch_seconds = before + watch.seconds();
      return false;
    }
    run.stepper.step(plan.step(state.step));
    if (run.options.on_step && run.ranks().first()) {
      run.options.on_step({run.options.first_stage, run.refit(), state.epoch + 1, state.step,
                           plan.size(), state.loss_sums[0] / static_cast<double>(state.step)});
    }
  }
  state.epoch_seconds = before + watch.seconds();
  return true;
}

double selected(const Settings& settings, const Metrics& metrics) {
  return metrics.at(settings.select);
}

// What the bundle needs of the dataset goes with the first model of a run: until then the bundle
// may hold an earlier one with its own.
void keep_file_of_dataset(const Run& run, const char* name, bool needed) {
  const fs::path from = run.options.data_directory / name;
  const fs::path to = run.options.bundle / name;
  if (needed && fs::exists(from)) {
    write_file(to, read_file(from));
  } else {
    std::error_code ignored;
    fs::remove(to, ignored);
  }
}

// How often each item was met, for lists without a history.
void keep_popularity(Run& run) {
  const Popularity popularity = training_popularity(run.data);
  std::vector<double> counts(popularity.events.begin(), popularity.events.end());
  all_reduce(run.ranks(), std::span(counts));
  if (!run.ranks().first()) return;
  const std::vector<std::int32_t> events(counts.begin(), counts.end());
  write_npy(run.options.bundle / kPopularityFile, std::span(events));
}

// What was touched of late, likewise. Each process counts from its own last event.
void keep_trends(Run& run) {
  TrainingTrends trends = training_trends(run.data);
  StepArena arena;
  const double last =
      std::ranges::max(all_gather<double>(run.ranks(), {&trends.last, 1}, arena).all);
  const double factor = std::exp2((trends.last - last) / kTrendHalfLife);
  for (double& count : trends.counts) count *= factor;
  all_reduce(run.ranks(), std::span(trends.counts));
  if (!run.ranks().first()) return;
  const fs::path file = run.options.bundle / kTrendsFile;
  if (last == 0.0) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return;
  }
  const std::size_t items = trends.counts.size();
  Matrix times(items + 1, 1);
  for (std::size_t i = 0; i < items; ++i) {
    const double count = trends.counts[i];
    times[i][0] = count > 0.0 ? static_cast<float>(last + kTrendHalfLife * std::log2(count)) : 0.0F;
  }
  times[items][0] = static_cast<float>(last);
  write_npy(file, times.view());
}

// Keeps the model as the bundle.
void keep_best(Run& run, const Catalogue& catalogue, const EpochReport& report) {
  const fs::path& bundle = run.options.bundle;
  Recommender& model = run.state.model;
  std::vector<std::vector<Half>> halves;
  write_tensors(run.ranks(), bundle / kWeightsFile, bundle_tensors(model, catalogue, halves),
                run.data.items.size());
  if (run.state.best.users == 0) {
    keep_popularity(run);
    keep_trends(run);
  }
  if (!run.ranks().first()) return;
  if (run.state.best.users == 0) {
    keep_file_of_dataset(run, kTextEncoderFile, run.settings().has_semantics());
    keep_file_of_dataset(run, kAttributesFile, true);
  }
  const Json& from = run.state.from;
  Json facts = {{"data",
                 {{"name", run.data.name},
                  {"directory", fs::absolute(run.options.data_directory).string()},
                  {"fingerprint", run.state.fingerprint},
                  {"simulated", run.data.simulated}}},
                {"epoch", report.epoch}};
  if (!from.is_null()) facts["from"] = from;
  const Json seen = seen_by(run.data, run.options.data_directory, run.state.fingerprint,
                            from.is_null() ? Json() : from.at("seen"));
  if (!seen.is_null()) facts["seen"] = seen;
  if (run.refit()) {
    facts.update({{"refit", true}, {"chosen", run.state.chosen}});
  } else {
    facts["validation"] = to_json(report.validation);
  }
  describe_bundle(bundle, model, run.data.items, facts);
}

// Validates, and keeps the model if it is the best so far; of a refit, which nothing validates, it
// keeps the last.
void validate_epoch(Run& run, EpochReport& report) {
  TrainingState& state = run.state;
  const Stopwatch watch;
  const Catalogue catalogue = encode_catalogue(state.model, run.text);
  if (!run.refit()) {
    report.validation = validate(state.model, catalogue, run.data, run.negatives, run.share);
  }
  report.validation_seconds = watch.seconds();
  report.best = state.best.users == 0 ||
                selected(run.settings(), report.validation) > selected(run.settings(), state.best);
  if (!report.best) return;
  keep_best(run, catalogue, report);
  state.best = report.validation;
  state.best_epoch = state.epoch;
}

// Validates, logs, keeps the best; moves the state to the next epoch.
void close_epoch(Run& run, std::size_t steps) {
  TrainingState& state = run.state;
  const bool several = run.ranks().size > 1;
  EpochReport report;
  report.epoch = state.epoch + 1;
  report.epochs = run.settings().epochs;
  report.first_stage = run.options.first_stage;
  report.refit = run.refit();
  report.loss = state.loss_sums[0] / static_cast<double>(steps);
  report.train_seconds = state.epoch_seconds;
  Json line = {{"epoch", report.epoch}, {"loss", loss_json(state.loss_sums, steps)}};
  if (several) line.update({{"ranks", run.ranks().size}, {"sent_bytes", run.traffic.bytes}});
  Json seconds = {{"train", report.train_seconds}};
  if (several) seconds["exchange"] = run.traffic.seconds;
  run.stepper.settle();
  average_weights(state);
  // Of the first stage and of a refit the model is wanted that it ends with.
  const bool last_alone = report.first_stage || report.refit;
  if (!last_alone || report.epoch == report.epochs) {
    swap_averages(state);
    validate_epoch(run, report);
    swap_averages(state);
    if (!report.refit) line["validation"] = to_json(report.validation);
    seconds["validation"] = report.validation_seconds;
  }
  line["seconds"] = seconds;
  state.log += line.dump() + "\n";
  state.total_seconds += report.train_seconds + report.validation_seconds;
  if (run.ranks().first()) write_file(run.options.bundle / "training.jsonl", state.log);
  ++state.epoch;
  state.step = 0;
  state.loss_sums.clear();
  state.epoch_seconds = 0.0;
  if (run.options.on_epoch && run.ranks().first()) run.options.on_epoch(report);
}

// Training anew into a bundle means a better model of its kind; one of another recipe stands there
// for something else.
void check_recipe(const TrainOptions& options) {
  if (options.resume || options.overwrite || options.first_stage) return;
  const std::string there = recipe_of_bundle(options.bundle);
  const std::string here =
      options.chosen_by.empty() ? options.settings.recipe : recipe_of_bundle(options.chosen_by);
  if (there.empty() || there == here) return;
  fail(
      "{}: holds a model of the recipe {}, not {}: give another --out, or --overwrite to replace "
      "it",
      options.bundle.string(), there, here);
}

void save(const TrainOptions& options, const Ranks& ranks, TrainingState& state,
          std::size_t items) {
  write_tensors(ranks, options.bundle / kCheckpointFile, checkpoint_tensors(state), items,
                {{"state", describe(state, items)}});
}

// Those given, with what follows from the data.
Settings opening_settings(const TrainOptions& options, const Ranks& ranks, const Dataset& data) {
  Settings settings = settings_by_data(options.settings, data);
  if (ranks.first()) {
    settings = settings_by_texts(std::move(settings), data, options.data_directory);
  }
  broadcast(ranks, std::span(&settings.text_events, 1));
  broadcast(ranks, std::span(&settings.id_start, 1));
  if (!options.from.empty()) shorten_for_warm_start(options.settings, settings);
  return settings;
}

// The state that the run goes on from, or a new one; `text` are the embeddings of the items here.
// Of a refit the data hold nothing out from here on.
TrainingState opening_state(const TrainOptions& options, const Ranks& ranks, Dataset& data,
                            Matrix& text) {
  const std::string digest = fingerprint(data);
  const RowSelection held = rows_held(ranks);
  std::optional<TrainingState> resumed;
  if (options.resume) resumed = read_checkpoint(options.bundle / kCheckpointFile, digest, held);
  if (resumed && options.epochs && !resumed->chosen.is_null()) {
    fail_usage("epochs do not go with a refit that is resumed: it trains as long as was chosen");
  }
  if (resumed && options.epochs) resumed->model.settings.epochs = *options.epochs;
  const Settings settings =
      resumed ? resumed->model.settings : opening_settings(options, ranks, data);
  std::string text_digest = fingerprint(text.view());
  if (settings.has_semantics()) {
    text = read_embeddings(options.data_directory, data.items.size(), held);
    if (ranks.first()) {
      text_digest = embeddings_fingerprint(options.data_directory, data.items.size());
    }
  }
  if (resumed && ranks.first() && resumed->text_fingerprint != text_digest) {
    fail(
        "{}: these are not the embeddings of the checkpoint: embed as before, or train without "
        "--resume",
        (options.data_directory / kEmbeddingsFile).string());
  }
  // Unified tokens that were told how long to train say nothing of what they are worth.
  const Settings& asked = options.settings;
  const bool chooses_tokens =
      resumed ? resumed->chooses_tokens
              : asked.tokens == Tokens::automatic && settings.has_semantics() && asked.epochs == 0;
  const Json chosen = resumed ? resumed->chosen : options.chosen;
  if (!chosen.is_null()) hold_nothing_out(data);
  TrainingState state = resumed                ? std::move(*resumed)
                        : options.from.empty() ? initial_state(settings, data, text.cols(), held)
                                               : warm_state(options, data, settings, text, ranks);
  if (!resumed && options.from.empty() && settings.starts_at_text()) {
    start_at_text(state.model.item_encoder.ids.value,
                  texts_in(options.data_directory, data.items.size(), held), ranks);
  }
  if (!state.from.is_null()) leave_out_seen(data, state.from.at("seen"));
  state.chosen = chosen;
  state.chooses_tokens = chooses_tokens;
  state.fingerprint = digest;
  state.text_fingerprint = text_digest;
  if (!options.negatives.empty()) state.negatives = fs::absolute(options.negatives).string();
  return state;
}

// What unified tokens gave beside the ID tokens alone that they began with.
void compare_with_ids(const Run& run, TrainResult& result) {
  if (!run.settings().has_collaborative() || run.refit()) return;
  result.ids_alone = first_stage_validation(run.options.bundle, result.best.users);
  result.ids_ahead =
      selected(run.settings(), result.ids_alone) > selected(run.settings(), result.best);
}

// Epoch after epoch, until the last, the patience or the user ends it.
TrainResult run_epochs(Run& run) {
  const TrainingState& state = run.state;
  const Settings& settings = run.settings();
  const std::size_t steps = run.stepper.steps();
  const auto improving = [&] {
    return state.best.users == 0 || state.epoch <= state.best_epoch + settings.patience;
  };
  TrainResult result;
  result.finished = true;
  while (result.finished && state.epoch < settings.epochs && improving()) {
    result.finished = run_epoch(run);
    if (result.finished) close_epoch(run, steps);
    save(run.options, run.ranks(), run.state, run.data.items.size());
  }
  result.epochs = state.epoch;
  result.best_epoch = state.best.users == 0 ? 0 : state.best_epoch + 1;
  result.best = state.best;
  result.seconds = state.total_seconds;
  return result;
}

}  // namespace

std::string_view part_words(bool first_stage, bool refit) {
  if (refit) return first_stage ? "refit, codes, " : "refit, ";
  return first_stage ? "codes, " : "";
}

std::string recipe_of_bundle(const fs::path& bundle) {
  const fs::path file = bundle / "config.json";
  if (!fs::is_regular_file(file)) return "";
  const Json config = Json::parse(read_file(file), nullptr, false);
  if (!config.is_object()) return "";
  const Json settings = config.value("settings", Json::object());
  if (!settings.is_object() || !settings.contains("recipe")) return "";
  return settings.at("recipe").is_string() ? settings.at("recipe").get<std::string>() : "";
}

TrainResult train(const TrainOptions& options) {
  check_folder(options.bundle, Folder::bundle);
  const bool second_part = !options.chosen.is_null();
  if (!second_part) check_recipe(options);
  if (options.refit || (options.resume && !second_part && begun_refit(options.bundle))) {
    return refit(options);
  }
  Traffic traffic;
  Ranks ranks = options.ranks;
  ranks.traffic = &traffic;
  Dataset data = read_dataset(options.data_directory);
  if (data.items.size() < ranks.size) {
    fail("{} ranks for {} items: start fewer", ranks.size, data.items.size());
  }
  Matrix text;
  TrainingState state = opening_state(options, ranks, data, text);
  weigh_targets(state.model.settings, data);
  for (CatalogueItem& item : data.items) std::string().swap(item.text);  // embedded by now
  const bool finds_codes = state.model.settings.has_collaborative() && !state.codes_found;
  if (options.on_start && ranks.first() && !options.first_stage) {
    options.on_start({state.model.settings, left_out(state.model.settings, data), finds_codes});
  }
  Negatives negatives;
  if (!data.refit) negatives = validation_negatives(state.model.settings, data, state.negatives);

  std::optional<FolderLock> lock;  // of one training at a time
  if (ranks.first()) {
    lock.emplace(options.bundle, Folder::bundle);
    if (!options.resume) forget_selection(options);
    if (!options.resume && !finds_codes) forget_first_stage(options.bundle);
  }
  if (finds_codes) {
    save(options, ranks, state, data.items.size());
    const TrainResult first = find_collaborative_codes(options, ranks, data, text, state);
    if (!first.finished) return first;
  }
  const bool own_negatives = state.model.settings.shared_negatives() == 0;
  const std::size_t skipped = own_negatives ? users_without_negatives(data) : 0;
  const DatasetPart part = part_of(std::move(data), ranks.rank, ranks.size);
  negatives = negatives_of(std::move(negatives), part.users);
  const TrainingShare share{ranks, part.users};
  Run run{options, part.data, text,    negatives,
          state,   share,     traffic, Stepper(state, part.data, text, share)};
  TrainResult result = run_epochs(run);
  if (result.finished && ranks.first()) {
    place_new_items(options, state, part.data, result);
    compare_with_ids(run, result);
    choose_tokens(options, state, part.data, result);
    keep_first_stage(options.bundle);
  }
  broadcast(ranks, std::span(&result.best, 1));
  result.users_without_negatives = skipped;
  result.from = state.from;
  report_choice(state.chosen, result);
  return result;
}

}  // namespace tessera
