#include "train/warm_start.h"

#include <algorithm>

#include "base/error.h"
#include "base/npy.h"
#include "model/carry_over.h"
#include "ranks/placement.h"
#include "train/settings_by_data.h"
#include "train/text_start.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// How often each item stands at an input of an epoch.
std::vector<float> input_counts(const Dataset& data, const Settings& settings) {
  std::vector<float> counts(data.items.size());
  for (const UserTargets& of : targets_of_users(data)) {
    const auto events = train_history(data, static_cast<std::size_t>(of.user));
    const auto inputs = events.first(events.size() - 1);
    for (const std::int32_t item : inputs.last(learned_targets(std::span(&of, 1), settings))) {
      counts[static_cast<std::size_t>(item)] += 1.0F;
    }
  }
  return counts;
}

// Moving averages as of many batches with the codebooks as they are: a code is counted as often as
// a batch uses it in the mean, and what is summed up are so many of its row.
void settle_averages(Recommender& model, const Catalogue& catalogue, const Dataset& data,
                     const Ranks& ranks) {
  const std::vector<float> counts = input_counts(data, model.settings);
  const auto steps = static_cast<float>(
      std::max<std::size_t>(1, steps_of_epoch(targets_of_users(data), model.settings)));
  const RowSelection held = rows_held(ranks);
  auto& levels = model.item_encoder.quantizer.levels;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const std::span<float> average = levels[l].counts.span();
    std::ranges::fill(average, 0.0F);
    for (std::size_t row = 0; row < model.items(); ++row) {
      const auto code = static_cast<std::size_t>(catalogue.codes[row * catalogue.places + l]);
      average[code] += counts[held.first + row * held.step] / steps;
    }
    std::vector<double> sums(average.begin(), average.end());
    all_reduce(ranks, std::span(sums));
    for (std::size_t c = 0; c < average.size(); ++c) {
      average[c] = static_cast<float>(sums[c]);
      for (std::size_t d = 0; d < levels[l].sums.cols(); ++d) {
        levels[l].sums[c][d] = average[c] * levels[l].codebook[c][d];
      }
    }
  }
}

// Known items whose text says other codes than the earlier catalogue has.
std::size_t count_recoded(const Catalogue& catalogue, const Catalogue& earlier, std::size_t levels,
                          std::span<const std::int32_t> matched, const Ranks& ranks) {
  double recoded = 0;
  for (std::size_t row = 0; row < matched.size(); ++row) {
    if (matched[row] < 0) continue;
    const auto before = static_cast<std::size_t>(matched[row]) * earlier.places;
    const auto now = row * catalogue.places;
    const bool same =
        std::equal(catalogue.codes.begin() + static_cast<std::ptrdiff_t>(now),
                   catalogue.codes.begin() + static_cast<std::ptrdiff_t>(now + levels),
                   earlier.codes.begin() + static_cast<std::ptrdiff_t>(before));
    recoded += same ? 0 : 1;
  }
  all_reduce(ranks, std::span(&recoded, 1));
  return static_cast<std::size_t>(recoded);
}

// New items, and known ones that no event has taught so far, begin where their texts say.
void place_untaught(const TrainOptions& options, const Dataset& data,
                    std::span<const std::int32_t> matched, const Ranks& ranks, Matrix& ids) {
  const fs::path file = options.from / kPopularityFile;
  const std::vector<std::int32_t> events =
      fs::exists(file) ? read_npy_i32(file) : std::vector<std::int32_t>();
  const RowSelection held = rows_held(ranks);
  std::vector<std::int32_t> taught, untaught;
  for (std::size_t row = 0; row < matched.size(); ++row) {
    const auto number = static_cast<std::size_t>(matched[row]);
    const bool known = matched[row] >= 0 && (number >= events.size() || events[number] > 0);
    const bool withheld = data.items[held.first + row * held.step].withheld;
    if (known || !withheld) (known ? taught : untaught).push_back(static_cast<std::int32_t>(row));
  }
  place_by_text(ids, texts_in(options.data_directory, data.items.size(), held), taught, untaught,
                ranks);
}

}  // namespace

std::size_t warm_epochs(std::size_t epochs) {
  constexpr std::size_t kShare = 5;
  return (epochs + kShare - 1) / kShare;
}

Settings warm_settings(const fs::path& bundle) {
  Settings settings = settings_from_json(read_config(bundle).at("settings"));
  const Settings whole = recipe(settings.recipe);
  settings.epochs = warm_epochs(whole.epochs);
  settings.collaborative_epochs = warm_epochs(whole.collaborative_epochs);
  return settings;
}

void shorten_for_warm_start(const Settings& asked, Settings& settings) {
  if (asked.epochs == 0) settings.epochs = warm_epochs(settings.epochs);
  if (asked.collaborative_epochs == 0) {
    settings.collaborative_epochs = warm_epochs(settings.collaborative_epochs);
  }
}

fs::path kept_first_stage(const fs::path& bundle) {
  const fs::path stage = bundle / kCollaborativeStage;
  if (!fs::exists(stage / "config.json") || !fs::exists(stage / kWeightsFile)) return {};
  const auto data_of = [](const fs::path& directory) {
    return read_config(directory).value("data", Json::object()).value("fingerprint", "");
  };
  return data_of(stage) == data_of(bundle) ? stage : fs::path();
}

TrainingState warm_state(const TrainOptions& options, const Dataset& data, const Settings& settings,
                         MatrixView<const float> text, const Ranks& ranks) {
  const Bundle from = read_bundle(options.from);
  check_same_parts(settings, from.model.settings, options.from);
  if (settings.has_semantics()) check_same_encoder(options.data_directory, options.from);
  const RowSelection held = rows_held(ranks);
  const MatchedItems matched = match_items(from.items, data.items, held);
  if (matched.known == 0) {
    fail("{}: none of its {} items is in the data: nothing could be carried over",
         options.from.string(), from.items.size());
  }
  TrainingState state = initial_state(settings, data, text.cols, held);
  carry_over(from, matched, text, state.model);
  std::size_t recoded = 0;
  if (settings.has_semantics()) {
    const Catalogue catalogue = encode_catalogue(state.model, text);
    settle_averages(state.model, catalogue, data, ranks);
    recoded = count_recoded(catalogue, from.catalogue, settings.levels, matched.earlier, ranks);
  }
  if (settings.starts_at_text() && fs::exists(options.data_directory / kEmbeddingsFile)) {
    place_untaught(options, data, matched.earlier, ranks, state.model.item_encoder.ids.value);
  }
  state.codes_found = !settings.has_collaborative() || options.keep_tokens ||
                      kept_first_stage(options.from).empty();
  const Json facts = from.config.value("data", Json::object());
  state.from = {{"bundle", fs::absolute(options.from).lexically_normal().string()},
                {"fingerprint", facts.value("fingerprint", "")},
                {"known_items", matched.known},
                {"new_items", matched.added},
                {"gone_items", matched.gone},
                {"recoded_items", recoded},
                {"tokens", options.keep_tokens ? kKeepTokens : kFollowTokens},
                {"seen", from.config.value("seen", Json())}};
  return state;
}

}  // namespace tessera
