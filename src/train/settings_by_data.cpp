#include "train/settings_by_data.h"

#include <algorithm>
#include <cmath>

#include "eval/code_statistics.h"
#include "train/text_agreement.h"

namespace tessera {
namespace {

std::size_t usual_length(std::vector<UserTargets> users) {
  constexpr std::size_t kLeast = 50, kMost = 200, kTens = 10;
  if (users.empty()) return kLeast;
  const std::size_t place = (users.size() * 9 + 9) / 10 - 1;
  std::ranges::nth_element(users, users.begin() + static_cast<long>(place), {},
                           &UserTargets::targets);
  const auto length = static_cast<std::size_t>(users[place].targets);
  return std::clamp((length + kTens - 1) / kTens * kTens, kLeast, kMost);
}

std::size_t epochs_for(std::size_t targets, bool shared_tokens) {
  constexpr double kTunedTargets = 300'000;
  const double beyond = std::max(1.0, static_cast<double>(targets) / kTunedTargets);
  // A table of its own row an item learns slowly, and sooner from more events.
  const double epochs = shared_tokens ? 10.0 / std::cbrt(beyond) : 30.0 / std::sqrt(beyond);
  return static_cast<std::size_t>(std::max(1.0, std::round(epochs)));
}

// What shops with some twenty events an item are trained with, and other logs by how many times
// as many events theirs have: `denser`, from 1.
double dropout_for(double denser, bool shared_tokens) {
  constexpr double kLeast = 0.05, kSteps = 20.0;
  const double most = shared_tokens ? 0.3 : 0.5;
  return std::max(kLeast, std::round(kSteps * most / std::sqrt(denser)) / kSteps);
}

double learning_rate_for(double denser, bool shared_tokens) {
  if (!shared_tokens) return 3e-3;
  return std::min(2e-3, std::round(1e4 * 1e-3 * std::sqrt(denser)) / 1e4);
}

// What items of large catalogues are made of, and what is given up first where there are fewer to
// share it.
struct TokenSizes {
  std::size_t levels, id_dims;
};
constexpr TokenSizes kTokenSizes[] = {{3, 6}, {2, 6}, {1, 6}, {1, 4}};
constexpr double kCatalogueShare = 0.15;  // of the parameters of a plain table

void size_tokens(Settings& settings, std::size_t items) {
  const bool any_levels = settings.levels == 0, any_dims = settings.id_dims == 0;
  if (!any_levels && !any_dims) return;
  for (const auto& [levels, id_dims] : kTokenSizes) {
    if (any_levels) settings.levels = levels;
    if (any_dims) settings.id_dims = id_dims;
    if (1.0 - token_account(settings, items).reduction <= kCatalogueShare) return;
  }
}

}  // namespace

std::vector<UserTargets> targets_of_users(const Dataset& data) {
  std::vector<UserTargets> users;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const std::size_t events = train_history(data, u).size();
    if (events < 2) continue;
    users.push_back({static_cast<std::int32_t>(u), static_cast<std::int32_t>(events - 1)});
  }
  return users;
}

Tokens tokens_by_data(const Dataset& data) {
  return has_texts(data) ? Tokens::unified : Tokens::id;
}

Settings settings_by_data(Settings settings, const Dataset& data) {
  if (settings.tokens == Tokens::automatic) settings.tokens = tokens_by_data(data);
  size_tokens(settings, data.items.size());
  const std::vector<UserTargets> users = targets_of_users(data);
  if (settings.max_length == 0) settings.max_length = usual_length(users);
  const std::size_t targets = learned_targets(users, settings);
  const double events = static_cast<double>(targets) / static_cast<double>(count_trainable(data));
  const double denser = std::max(1.0, events / 20.0);
  const bool shared = settings.has_semantics();
  if (settings.dropout == kAutoReal) settings.dropout = dropout_for(denser, shared);
  if (settings.learning_rate == kAutoReal) {
    settings.learning_rate = learning_rate_for(denser, shared);
  }
  if (settings.transformer_start == TransformerStart::automatic) {
    const bool goes_on = settings.has_collaborative() && denser > 1.0;
    settings.transformer_start = goes_on ? TransformerStart::first_stage : TransformerStart::random;
  }
  if (settings.epochs == 0) settings.epochs = epochs_for(targets, shared);
  if (settings.collaborative_epochs == 0) {
    settings.collaborative_epochs = epochs_for(targets, false);
  }
  return settings;
}

Settings settings_by_texts(Settings settings, const Dataset& data, const fs::path& directory) {
  const bool starts = settings.id_start == IdStart::automatic && !settings.has_semantics() &&
                      fs::exists(directory / kEmbeddingsFile);
  if (settings.text_events == kAutoReal) {
    const bool read = settings.has_collaborative() || starts;
    settings.text_events = read ? text_events_by_data(data, directory) : 0.0;
  }
  if (settings.id_start == IdStart::automatic) {
    settings.id_start = starts && settings.text_events > 0 ? IdStart::text : IdStart::random;
  }
  return settings;
}

double text_events_by_data(const Dataset& data, const fs::path& directory) {
  constexpr double kEvents = 10.0;  // tuned where texts agree by .66 to .72
  constexpr double kNothing = 0.51, kWell = 0.65;
  const double agreement = text_agreement(data, directory).value_or(kWell);
  const double share = std::clamp((agreement - kNothing) / (kWell - kNothing), 0.0, 1.0);
  return std::round(10.0 * kEvents * share) / 10.0;
}

LeftOut left_out(const Settings& settings, const Dataset& data) {
  const std::vector<UserTargets> users = targets_of_users(data);
  Settings all = settings;
  all.windows = Windows::all;
  return {learned_targets(users, all), learned_targets(users, settings)};
}

}  // namespace tessera
