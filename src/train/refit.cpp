#include "train/refit.h"

#include <optional>

#include "base/error.h"
#include "base/folders.h"
#include "text/text_encoder_file.h"
#include "train/first_stage.h"
#include "train/new_items.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// Rank 0 alone touches files; the others wait for what it found.
bool exists_for_all(const Ranks& ranks, const fs::path& file) {
  bool found = fs::exists(file);
  broadcast(ranks, std::span(&found, 1));
  return found;
}

// What a bundle says of how it was chosen. One that is a refit itself says what chose it.
Json choice_of(const Json& config, const fs::path& directory) {
  if (config.contains("chosen")) return config.at("chosen");
  if (!config.contains("epoch") || !config.at("epoch").is_number_unsigned()) {
    fail("{}: 'epoch' is missing: it does not say how long it was trained",
         (directory / "config.json").string());
  }
  const Settings settings = settings_from_json(config.at("settings"));
  Json choice = {{"bundle", fs::absolute(directory).lexically_normal().string()},
                 {"epoch", config.at("epoch")},
                 {"epochs", settings.epochs},
                 {"select", settings.select},
                 {"validation", nullptr}};
  if (config.contains("validation")) choice["validation"] = config.at("validation");
  if (config.contains(kNewIdShare)) choice[kNewIdShare] = config.at(kNewIdShare);
  if (config.contains("data")) choice["fingerprint"] = config.at("data").value("fingerprint", "");
  return choice;
}

// The second part: settings and epochs are those of what chose.
TrainResult train_on_everything(TrainOptions options, const Json& by, Json choice) {
  if (by.contains("from") && options.from.empty()) {
    fail("{}: was trained from {}: its epochs suffice for that alone; give --from too",
         options.chosen_by.string(), by.at("from").at("bundle").get<std::string>());
  }
  options.settings = settings_from_json(by.at("settings"));
  options.settings.epochs = choice.at("epoch");
  options.chosen = std::move(choice);
  options.refit = false;
  options.chosen_by.clear();
  return train(options);
}

TrainResult refit_as(const TrainOptions& options) {
  std::error_code none;
  if (fs::equivalent(options.chosen_by, options.bundle, none)) {
    fail("{}: the refit would overwrite the model that chose its epochs: write it elsewhere",
         options.bundle.string());
  }
  const Json by = read_config(options.chosen_by);
  return train_on_everything(options, by, choice_of(by, options.chosen_by));
}

// The first part, in the bundle's folder kSelection.
TrainResult choose(const TrainOptions& options) {
  TrainOptions choosing = options;
  choosing.refit = false;
  choosing.bundle = options.bundle / kSelection;
  std::optional<FolderLock> lock;
  if (options.ranks.first()) {
    lock.emplace(options.bundle, Folder::bundle);
    if (!options.resume) {
      check_folder(choosing.bundle, Folder::bundle);
      fs::remove_all(choosing.bundle);
      fs::remove(options.bundle / kCheckpointFile);  // of a run that this one replaces
    }
  }
  choosing.resume = exists_for_all(options.ranks, choosing.bundle / kCheckpointFile);
  return train(choosing);
}

}  // namespace

bool begun_refit(const fs::path& bundle) {
  return fs::exists(bundle / kSelection / kCheckpointFile);
}

void forget_selection(const TrainOptions& options) {
  const bool chose = !options.chosen.is_null() && options.chosen.at("bundle") == kSelection;
  const fs::path selection = options.bundle / kSelection;
  if (!chose && holds(selection, Folder::bundle)) fs::remove_all(selection);
}

void report_choice(const Json& chosen, TrainResult& result) {
  if (chosen.is_null()) return;
  result.refit = true;
  result.best_epoch = chosen.at("epoch");
  const std::size_t users = chosen.value("users", std::size_t{0});
  if (!chosen.at("validation").is_null()) {
    result.best = metrics_from_json(chosen.at("validation"), users);
  }
}

TrainResult refit(const TrainOptions& options) {
  if (options.refit && options.resume) {
    fail_usage("a refit does not go with resuming: what was begun as a refit is resumed as one");
  }
  if (options.epochs) {
    fail_usage("epochs do not go with a refit that is resumed: it trains as long as it chose to");
  }
  if (!options.chosen_by.empty()) return refit_as(options);

  const TrainResult first = choose(options);
  if (!first.finished) return first;
  const fs::path selection = options.bundle / kSelection;
  const Json by = read_config(selection);
  Json choice = choice_of(by, selection);
  choice.update({{"bundle", kSelection}, {"users", first.best.users}});
  if (first.best.users == 0) choice["validation"] = nullptr;
  TrainOptions second = options;
  second.resume = exists_for_all(options.ranks, options.bundle / kCheckpointFile);
  TrainResult result = train_on_everything(second, by, choice);
  result.seconds += first.seconds;
  if (!result.finished || !options.ranks.first()) return result;
  // The model stays, for `evaluate`: it has not seen what it is asked for. Nothing goes on from it,
  // and its text encoder is the bundle's: neither takes room of its own.
  drop_first_stage(selection);
  for (const char* file : {kCheckpointFile, kTextEncoderFile}) fs::remove(selection / file);
  const fs::path encoder = options.bundle / kTextEncoderFile;
  std::error_code error;
  if (fs::exists(encoder)) fs::create_hard_link(encoder, selection / kTextEncoderFile, error);
  if (error) write_file(selection / kTextEncoderFile, read_file(encoder));
  return result;
}

}  // namespace tessera
