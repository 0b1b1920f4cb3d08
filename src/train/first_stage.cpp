#include "train/first_stage.h"

#include "ranks/placement.h"

namespace tessera {
namespace {

// The tokens of the whole catalogue, out of the table of the first model.
CollaborativeTokens tokens_of_catalogue(const TrainOptions& options, const Settings& settings,
                                        const fs::path& first_model, const Dataset& data,
                                        const Matrix& text) {
  const std::size_t items = data.items.size();
  CollaborativeTokens tokens(settings.collaborative_tokens, settings.codebook_size,
                             settings.collaborative_dims, items, text.cols());
  Bundle found = read_bundle(first_model);
  const bool whole = text.rows() == items;
  const Matrix read = whole ? Matrix() : read_embeddings(options.data_directory, items);
  tokens.fit(data, std::move(found.model.item_encoder.ids.value), whole ? text : read,
             settings.text_events, settings.seed);
  return tokens;
}

// From rank 0's tokens of the whole catalogue to those of this rank's items.
void share_out(const Ranks& ranks, CollaborativeTokens whole, CollaborativeTokens& own,
               std::size_t items) {
  if (ranks.first()) {
    own.centres = std::move(whole.centres);
    own.text_map = std::move(whole.text_map);
    own.vectors.value = std::move(whole.vectors.value);
  }
  for (Matrix* matrix : {&own.centres, &own.text_map, &own.vectors.value}) {
    broadcast(ranks, matrix->span());
  }
  StepArena arena;
  const std::span<const std::int32_t> all = whole.codes;
  const std::size_t parts = own.parts;
  const auto codes = scatter_rows<std::int32_t>(ranks, all, parts, items, arena);
  own.codes.assign(codes.begin(), codes.end());
}

// The model that there is already: what stays of a first stage is copied.
TrainResult take_first_stage(const TrainOptions& options, const fs::path& bundle) {
  if (options.ranks.first()) {
    make_directory(bundle);
    for (const char* file : {"config.json", "training.jsonl"}) {
      write_file(bundle / file, read_file(options.codes_from / file));
    }
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
  first.from.clear();
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
  CollaborativeTokens& own = state.model.item_encoder.collaborative;
  CollaborativeTokens whole;
  if (ranks.first()) {
    whole = tokens_of_catalogue(options, settings, taken ? options.codes_from : stage, data, text);
  }
  share_out(ranks, std::move(whole), own, data.items.size());
  state.codes_found = true;
  state.total_seconds = result.seconds;
  if (taken || !ranks.first()) return result;
  // Its settings and its log stay; the table is as large as all that it was to replace.
  for (const char* file : {kCheckpointFile, kWeightsFile, "items.jsonl"}) {
    fs::remove(stage / file);
  }
  return result;
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
