#include "train/new_items.h"

#include <algorithm>
#include <optional>

#include "base/half.h"
#include "eval/popularity.h"
#include "train/paired_validation.h"

namespace tessera {
namespace {

constexpr std::size_t kRareShare = 20;  // one item in so many is rarely met

// The mean ID token of items that few events taught.
std::vector<double> rare_token(const Recommender& model, const Popularity& popularity) {
  std::vector<std::int32_t> taught;
  for (std::size_t i = 0; i < model.items(); ++i) {
    if (popularity.events[i] > 0) taught.push_back(static_cast<std::int32_t>(i));
  }
  const auto events = [&](std::int32_t item) {
    return popularity.events[static_cast<std::size_t>(item)];
  };
  std::ranges::stable_sort(taught, {}, events);
  std::vector<double> mean(model.settings.id_width());
  const std::size_t rare = (taught.size() + kRareShare - 1) / kRareShare;
  for (const std::int32_t item : std::span(taught).first(rare)) {
    const std::span<const float> id =
        model.item_encoder.ids.value.view().row(static_cast<std::size_t>(item));
    for (std::size_t d = 0; d < id.size(); ++d) mean[d] += double{id[d]} / double(rare);
  }
  return mean;
}

// To the model, and to its withheld items' rows of table and catalogue.
void give(Bundle& bundle, const Dataset& data, std::span<const double> rare, double share) {
  UnifiedItemEncoder& encoder = bundle.model.item_encoder;
  std::ranges::transform(rare, encoder.new_id.begin(),
                         [&](double x) { return half_precision(static_cast<float>(share * x)); });
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    if (!data.items[i].withheld) continue;
    std::ranges::copy(encoder.new_id, encoder.ids.value[i]);
    const auto row = static_cast<std::size_t>(bundle.catalogue.rows[i]);
    std::ranges::copy(encoder.new_id,
                      bundle.catalogue.vectors.view().row(row).last(rare.size()).begin());
  }
}

// Of the targets that training knows, by the metric that selects.
std::vector<double> known_targets(const PairedValidation& validation,
                                  std::span<const TargetPlace> places, const Popularity& popularity,
                                  const std::string& select) {
  std::vector<double> values;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto user = static_cast<std::size_t>(validation.users[i]);
    const std::int32_t target = target_of(validation.data, user, Split::validation);
    if (popularity.events[static_cast<std::size_t>(target)] == 0) continue;
    values.push_back(metrics_of(places[i]).at(select));
  }
  return values;
}

// The bundle gets the least share that serves known targets.
void choose_share(Bundle& bundle, const Bundle& ids_alone, const PairedValidation& validation,
                  const Popularity& popularity, std::span<const double> rare, TrainResult& result) {
  const std::string& select = bundle.model.settings.select;
  const auto by_ids = known_targets(validation, validation.places(ids_alone), popularity, select);
  for (const double share : kNewIdShares) {
    give(bundle, validation.data, rare, share);
    const std::vector<TargetPlace> places = validation.places(bundle);
    result.new_id_share = share;
    result.best = metrics_of(places);
    if (!behind(known_targets(validation, places, popularity, select), by_ids)) break;
  }
  bundle.config["validation"] = to_json(result.best);
}

}  // namespace

void place_new_items(const TrainOptions& options, const TrainingState& state, const Dataset& here,
                     TrainResult& result) {
  const Settings& settings = state.model.settings;
  if (!settings.has_collaborative() || !settings.has_ids()) return;
  const bool refit = !state.chosen.is_null();
  if (refit) result.new_id_share = state.chosen.value(kNewIdShare, 0.0);
  const fs::path first_stage = options.bundle / kCollaborativeStage;
  const bool withheld = std::ranges::any_of(here.items, &CatalogueItem::withheld) &&
                        fs::exists(first_stage / kWeightsFile);
  if (refit ? result.new_id_share == 0.0 : !withheld) return;

  Bundle bundle = read_bundle(options.bundle);
  if (!bundle.model.settings.has_collaborative()) return;  // ID tokens alone were kept
  const std::optional<Dataset> read = dataset_of_all(options, state);
  const Dataset& data = read ? *read : here;
  const Popularity popularity = training_popularity(data);
  const std::vector<double> rare = rare_token(bundle.model, popularity);
  if (refit) {
    give(bundle, data, rare, result.new_id_share);
  } else {
    const PairedValidation validation(data, settings, state.negatives);
    choose_share(bundle, read_bundle(first_stage), validation, popularity, rare, result);
  }
  std::vector<std::vector<Half>> halves;
  write_safetensors(options.bundle / kWeightsFile,
                    bundle_tensors(bundle.model, bundle.catalogue, halves));
  bundle.config[kNewIdShare] = result.new_id_share;
  write_config(options.bundle, bundle.config);
}

}  // namespace tessera
