#include "train/trainer.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/progress.h"
#include "text/text_encoder_file.h"
#include "train/state.h"
#include "train/stepper.h"
#include "train/validation.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr const char* kCheckpointFile = "checkpoint.safetensors";

struct Run {
  const TrainOptions& options;
  const Dataset& data;
  const Matrix& text;
  const Negatives& negatives;
  TrainingState& state;
  Stepper stepper;

  const Settings& settings() const { return state.model.settings; }
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

// False if interrupted.
bool run_epoch(Run& run, std::size_t steps) {
  TrainingState& state = run.state;
  const std::vector<std::int32_t> order = run.stepper.epoch_order();
  const double before = state.epoch_seconds;
  const Stopwatch watch;
  while (state.step < steps) {
    if (run.options.interrupted && run.options.interrupted()) {
      state.epoch_seconds = before + watch.seconds();
      return false;
    }
    const std::size_t first = state.step * run.settings().batch_users;
    run.stepper.step(std::span(order).subspan(
        first, std::min(run.settings().batch_users, order.size() - first)));
    if (run.options.on_step) {
      run.options.on_step({run.options.first_stage, state.epoch + 1, state.step, steps,
                           state.loss_sums[0] / static_cast<double>(state.step)});
    }
  }
  state.epoch_seconds = before + watch.seconds();
  return true;
}

double selected(const Settings& settings, const Metrics& metrics) {
  return to_json(metrics).at(settings.select).get<double>();
}

// The encoder that made the embeddings goes with the first model of a run: until then the bundle
// may hold an earlier one with its own.
void keep_text_encoder(const Run& run) {
  const fs::path from = run.options.data_directory / kTextEncoderFile;
  const fs::path to = run.options.bundle / kTextEncoderFile;
  if (run.settings().has_semantics() && fs::exists(from)) {
    write_file(to, read_file(from));
  } else {
    std::error_code ignored;
    fs::remove(to, ignored);
  }
}

// Validates, logs, keeps the best; moves the state to the next epoch.
void close_epoch(Run& run, std::size_t steps) {
  TrainingState& state = run.state;
  const Stopwatch watch;
  run.stepper.settle();
  const Catalogue catalogue = encode_catalogue(state.model, run.text);
  EpochReport report;
  report.epoch = state.epoch + 1;
  report.epochs = run.settings().epochs;
  report.first_stage = run.options.first_stage;
  report.loss = state.loss_sums[0] / static_cast<double>(steps);
  report.validation = validate(state.model, catalogue, run.data, run.negatives);
  report.train_seconds = state.epoch_seconds;
  report.validation_seconds = watch.seconds();
  report.best = state.best.users == 0 ||
                selected(run.settings(), report.validation) > selected(run.settings(), state.best);
  state.log += Json{{"epoch", report.epoch},
                    {"loss", loss_json(state.loss_sums, steps)},
                    {"validation", to_json(report.validation)},
                    {"seconds",
                     {{"train", report.train_seconds}, {"validation", report.validation_seconds}}}}
                   .dump() +
               "\n";
  state.total_seconds += report.train_seconds + report.validation_seconds;
  if (report.best) {
    if (state.best.users == 0) keep_text_encoder(run);
    state.best = report.validation;
    state.best_epoch = state.epoch;
    write_bundle(run.options.bundle, state.model, catalogue, run.data.items,
                 {{"data",
                   {{"name", run.data.name},
                    {"directory", fs::absolute(run.options.data_directory).string()},
                    {"fingerprint", state.fingerprint},
                    {"simulated", run.data.simulated}}},
                  {"epoch", report.epoch},
                  {"validation", to_json(report.validation)}});
  }
  write_file(run.options.bundle / "training.jsonl", state.log);
  ++state.epoch;
  state.step = 0;
  state.loss_sums.clear();
  state.epoch_seconds = 0.0;
  if (run.options.on_epoch) run.options.on_epoch(report);
}

// The table of a model of ID tokens alone, trained in a folder of the bundle, gives the codes.
TrainResult find_collaborative_codes(const TrainOptions& options, const Dataset& data,
                                     const Matrix& text, TrainingState& state) {
  const Settings& settings = state.model.settings;
  TrainOptions first = options;
  first.bundle = options.bundle / kCollaborativeStage;
  first.settings = settings.collaborative_stage();
  first.first_stage = true;
  first.resume = options.resume && fs::exists(first.bundle / kCheckpointFile);
  const TrainResult result = train(first);
  if (!result.finished) return result;
  Bundle found = read_bundle(first.bundle);
  state.model.item_encoder.collaborative.fit(data, std::move(found.model.item_encoder.ids.value),
                                             text, settings.text_events, settings.seed);
  state.codes_found = true;
  state.total_seconds = result.seconds;
  // Its settings and its log stay; the table is as large as all that it was to replace.
  for (const char* file : {kCheckpointFile, "model.safetensors", "items.jsonl"}) {
    fs::remove(first.bundle / file);
  }
  return result;
}

}  // namespace

TrainResult train(const TrainOptions& options) {
  const Dataset data = read_dataset(options.data_directory);
  const std::string digest = fingerprint(data);
  const fs::path checkpoint = options.bundle / kCheckpointFile;
  std::optional<TrainingState> resumed;
  if (options.resume) resumed = read_checkpoint(checkpoint, digest);
  const Settings& settings = resumed ? resumed->model.settings : options.settings;
  Matrix text;
  if (settings.has_semantics()) text = read_embeddings(options.data_directory, data.items.size());
  const std::string text_digest = fingerprint(text.view());
  if (resumed && resumed->text_fingerprint != text_digest) {
    fail(
        "{}: these are not the embeddings of the checkpoint: embed as before, or train without "
        "--resume",
        (options.data_directory / kEmbeddingsFile).string());
  }
  TrainingState state =
      resumed ? std::move(*resumed) : initial_state(options.settings, data, text.cols());
  state.fingerprint = digest;
  state.text_fingerprint = text_digest;
  if (!options.negatives.empty()) state.negatives = fs::absolute(options.negatives).string();
  const Negatives negatives = validation_negatives(state.model.settings, data, state.negatives);

  make_directory(options.bundle);
  if (state.model.settings.has_collaborative() && !state.codes_found) {
    write_checkpoint(checkpoint, state);
    const TrainResult first = find_collaborative_codes(options, data, text, state);
    if (!first.finished) return first;
  }
  Run run{options, data, text, negatives, state, Stepper(state, data, text)};
  const std::size_t batch = run.settings().batch_users;
  const std::size_t steps = (run.stepper.users() + batch - 1) / batch;
  const auto improving = [&] {
    return state.best.users == 0 || state.epoch <= state.best_epoch + run.settings().patience;
  };
  TrainResult result;
  result.finished = true;
  while (result.finished && state.epoch < run.settings().epochs && improving()) {
    result.finished = run_epoch(run, steps);
    if (result.finished) close_epoch(run, steps);
    write_checkpoint(checkpoint, state);
  }
  result.epochs = state.epoch;
  result.best_epoch = state.best.users == 0 ? 0 : state.best_epoch + 1;
  result.best = state.best;
  result.seconds = state.total_seconds;
  return result;
}

}  // namespace tessera
