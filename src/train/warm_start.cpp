#include "train/warm_start.h"

#include <algorithm>

#include "base/error.h"
#include "model/carry_over.h"
#include "ranks/placement.h"
#include "train/settings_by_data.h"

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

}  // namespace

std::size_t warm_epochs(std::size_t epochs) {
  constexpr std::size_t kShare = 5;
  return (epochs + kShare - 1) / kShare;
}

Settings warm_settings(const fs::path& bundle) {
  Settings settings = settings_from_json(read_config(bundle).at("settings"));
  settings.epochs = warm_epochs(recipe(settings.recipe).epochs);
  return settings;
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
  state.codes_found = true;
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
