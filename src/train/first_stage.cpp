#include "train/first_stage.h"

#include "base/folders.h"
#include "base/progress.h"
#include "data/trends.h"
#include "ranks/placement.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

// The tokens of the whole catalogue, out of the table of the first model, which they take.
CollaborativeTokens tokens_of_catalogue(const TrainOptions& options, const Settings& settings,
                                        Matrix factors, const Dataset& data, const Matrix& text,
                                        const CollaborativeTokens* earlier) {
  const std::size_t items = data.items.size();
  CollaborativeTokens tokens(settings.collaborative_tokens, settings.codebook_size,
                             settings.collaborative_dims, items, text.cols());
  const bool whole = text.rows() == items;
  const Matrix read = whole ? Matrix() : read_embeddings(options.data_directory, items);
  tokens.fit(data, std::move(factors), whole ? text : read, settings.text_events, settings.seed,
             earlier);
  return tokens;
}

// From rank 0's tokens of the whole catalogue to those of this rank's items.
void share_out(const Ranks& ranks, CollaborativeTokens whole, CollaborativeTokens& own,
               std::size_t items) {
  if (ranks.first()) {
    own.centres = std::move(whole.centres);
    own.by_text = std::move(whole.by_text);
    own.vectors.value = std::move(whole.vectors.value);
  }
  for (Matrix* matrix :
       {&own.centres, &own.by_text.centres, &own.by_text.weights, &own.vectors.value}) {
    std::size_t shape[] = {matrix->rows(), matrix->cols()};
    broadcast(ranks, std::span<std::size_t>(shape));
    if (!ranks.first()) *matrix = Matrix(shape[0], shape[1]);
    broadcast(ranks, matrix->span());
  }
  StepArena arena;
  const std::span<const std::int32_t> all = whole.codes;
  const std::size_t parts = own.parts;
  const auto codes = scatter_rows<std::int32_t>(ranks, all, parts, items, arena);
  own.codes.assign(codes.begin(), codes.end());
}

// Every rank's transformer begins where that of the first model, which rank 0 knows, ended. That of
// an earlier model goes on as it is.
void start_transformer(const Ranks& ranks, CausalTransformer& first, TrainingState& state) {
  const Settings& settings = state.model.settings;
  if (settings.transformer_start != TransformerStart::first_stage || !state.from.is_null()) return;
  CausalTransformer& transformer = state.model.transformer;
  if (ranks.first()) transformer.take_over(first, settings.semantic_width());
  ParameterList parameters;
  transformer.collect(parameters);
  for (Parameter* parameter : parameters) broadcast(ranks, parameter->value.span());
}

// The model that there is already.
TrainResult take_first_stage(const TrainOptions& options, const fs::path& stage) {
  if (options.ranks.first()) {
    make_directory(stage);
    copy_first_stage(options.codes_from, stage);
  }
  TrainResult result;
  result.finished = true;
  return result;
}

TrainResult train_first_stage(const TrainOptions& options, const Ranks& ranks,
                              const TrainingState& state) {
  const Settings& settings = state.model.settings;
  TrainOptions first = options;
  first.bundle = options.bundle / kCollaborativeStage;
  first.settings = settings.collaborative_stage();
  first.first_stage = true;
  first.chosen = state.chosen;
  first.epochs.reset();
  first.from = state.from.is_null() ? fs::path()
                                    : state.from.at("bundle").get<fs::path>() / kCollaborativeStage;
  // Of a run that this one replaces.
  if (ranks.first() && !options.resume) fs::remove(first.bundle / kCheckpointFile);
  // What rank 0 sees: files may appear while others look.
  bool begun = fs::exists(first.bundle / kCheckpointFile);
  broadcast(ranks, std::span(&begun, 1));
  first.resume = options.resume && begun;
  return train(first);
}

}  // namespace

TrainResult find_collaborative_codes(const TrainOptions& options, const Ranks& ranks,
                                     const Dataset& data, const Matrix& text,
                                     TrainingState& state) {
  const Settings& settings = state.model.settings;
  const fs::path stage = options.bundle / kCollaborativeStage;
  const bool taken = !options.codes_from.empty();
  const TrainResult result =
      taken ? take_first_stage(options, stage) : train_first_stage(options, ranks, state);
  if (!result.finished) return result;
  const Stopwatch watch;
  CollaborativeTokens& own = state.model.item_encoder.collaborative;
  CollaborativeTokens whole;
  Recommender first;
  if (ranks.first()) {
    const CollaborativeTokens* earlier = state.from.is_null() ? nullptr : &own;
    first = read_bundle(taken ? options.codes_from : stage).model;
    whole = tokens_of_catalogue(options, settings, std::move(first.item_encoder.ids.value), data,
                                text, earlier);
  }
  start_transformer(ranks, first.transformer, state);
  share_out(ranks, std::move(whole), own, data.items.size());
  state.codes_found = true;
  state.total_seconds = result.seconds + watch.seconds();
  return result;
}

void copy_first_stage(const fs::path& from, const fs::path& to) {
  for (const char* file :
       {"training.jsonl", "items.jsonl", kPopularityFile, kWeightsFile, "config.json"}) {
    write_file(to / file, read_file(from / file));
  }
}

void keep_first_stage(const fs::path& bundle) {
  const fs::path stage = bundle / kCollaborativeStage;
  for (const char* file : {kCheckpointFile, kAttributesFile, kTrendsFile}) fs::remove(stage / file);
}

void drop_first_stage(const fs::path& bundle) {
  const fs::path stage = bundle / kCollaborativeStage;
  for (const char* file : {kWeightsFile, "items.jsonl", kPopularityFile}) fs::remove(stage / file);
}

void forget_first_stage(const fs::path& bundle) {
  const fs::path stage = bundle / kCollaborativeStage;
  if (holds(stage, Folder::bundle)) fs::remove_all(stage);
}

Metrics first_stage_validation(const fs::path& bundle, std::size_t users) {
  const fs::path file = bundle / kCollaborativeStage / "training.jsonl";
  nlohmann::json last;
  if (fs::exists(file)) {
    for_each_line(read_file(file), [&](std::string_view line, std::size_t) {
      last = parse_json(line, file.string());
    });
  }
  if (!last.contains("validation")) return {};
  return metrics_from_json(last.at("validation"), users);
}

}  // namespace tessera
