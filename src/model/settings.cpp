#include "model/settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "kernels/gemm_bf16.h"
#include "model/settings_table.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

const Setting& row_of(const std::string& key) {
  const std::vector<Setting>& table = settings_table();
  const auto found = std::ranges::find(table, key, &Setting::key);
  if (found != table.end()) return *found;
  std::vector<std::string> keys;
  for (const Setting& row : table) keys.push_back(row.key);
  const std::string near = nearest_word(key, keys);
  fail_usage("unknown setting '{}'{}", key,
             near.empty() ? "; see 'tessera train --help'" : "; did you mean '" + near + "'?");
}

// What no row sees alone.
void check_together(const Settings& s) {
  if (s.collaborative_tokens > 0 && s.collaborative_dims % s.collaborative_tokens != 0) {
    fail_usage(
        "setting collaborative_dims = {}: it must be a multiple of collaborative_tokens = {}",
        s.collaborative_dims, s.collaborative_tokens);
  }
  if (s.hidden % s.heads != 0) {
    fail_usage("setting hidden = {}: it must be a multiple of heads = {}", s.hidden, s.heads);
  }
  if (s.batch_users == 0 && s.batch_positions == 0) {
    fail_usage("setting batch_users = 0: say how large a step is by batch_positions then");
  }
}

void assign(Settings& settings, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_usage("--set {}: write it as key=value", assignment);
  }
  const std::string key = assignment.substr(0, equals);
  const Setting& row = row_of(key);
  const std::string text = assignment.substr(equals + 1);
  Json value = text;
  if (!row.get(Settings{}).is_string()) {
    value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) value = text;  // the row refuses it, with what it must be
  }
  if (row.key == "recipe" && text != settings.recipe) {
    // The name alone would change, and say of the other settings what is not so.
    fail_usage(
        "setting recipe = '{}': a recipe is chosen by --recipe, which changes the others too",
        text);
  }
  row.set(settings, value);
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Settings Settings::collaborative_stage() const {
  Settings stage = *this;
  stage.tokens = Tokens::id;
  stage.id_only_dims = collaborative_dims;
  stage.epochs = collaborative_epochs;
  stage.dropout = kAutoReal;
  stage.learning_rate = kAutoReal;
  stage.transformer_start = TransformerStart::random;
  stage.id_start = text_events > 0 ? IdStart::text : IdStart::random;
  return stage;
}

std::vector<std::size_t> Settings::encoder_widths(std::size_t text_dims) const {
  std::vector<std::size_t> widths = {text_dims};
  widths.insert(widths.end(), encoder_hidden.begin(), encoder_hidden.end());
  widths.push_back(semantic_dims);
  return widths;
}

std::vector<Distance> Settings::level_distances() const {
  const bool cosine = distance != LevelDistances::euclidean;
  std::vector<Distance> distances(levels, cosine ? Distance::cosine : Distance::euclidean);
  if (distance == LevelDistances::unified) distances.back() = Distance::euclidean;
  return distances;
}

Precision Settings::training_precision() const {
  const bool brain_floats = precision == TrainingPrecision::bf16 ||
                            (precision == TrainingPrecision::automatic && has_bf16());
  return brain_floats ? Precision::bf16 : Precision::fp32;
}

TransformerShape Settings::transformer() const {
  return {width(), hidden, heads, feed_forward, layers, max_length, convolution};
}

Settings recipe(const std::string& name) {
  Settings settings;
  row_of("recipe").set(settings, name);
  apply_settings(settings, std::ranges::find(recipes(), name, &Recipe::name)->changes);
  return settings;
}

Json to_json(const Settings& settings) {
  Json json;
  for (const Setting& row : settings_table()) json[row.key] = row.get(settings);
  return json;
}

Settings settings_from_json(const Json& json) {
  if (!json.is_object()) fail_usage("the settings must be an object of key and value");
  Settings settings;
  for (const auto& [key, value] : json.items()) row_of(key).set(settings, value);
  check_together(settings);
  return settings;
}

void apply_settings(Settings& settings, std::span<const std::string> assignments) {
  Settings changed = settings;
  for (const std::string& assignment : assignments) assign(changed, assignment);
  check_together(changed);
  settings = std::move(changed);
}

void apply_setting(Settings& settings, const std::string& assignment) {
  apply_settings(settings, std::span(&assignment, 1));
}

std::string recipes_help() {
  std::string help;
  for (const Recipe& one : recipes()) {
    help += fmt::format("{}{} ({})", help.empty() ? "" : "; ", one.name, one.help);
  }
  return help;
}

std::string settings_help() {
  std::string help = fmt::format("Settings, for --set, as the recipe {} has them", kDefaultRecipe);
  const auto others = [](const auto& work) {
    for (const Recipe& one : recipes()) {
      if (one.name != kDefaultRecipe) work(one);
    }
  };
  others([&](const Recipe& one) { help += fmt::format(" (and {}, where it differs)", one.name); });
  help += ":\n";
  const Settings standard = recipe(kDefaultRecipe);
  for (const Setting& row : settings_table()) {
    if (row.key == "recipe") continue;
    std::string value = fmt::format("{}={}", row.key, text_of(row.get(standard)));
    others([&](const Recipe& one) {
      const Json other = row.get(recipe(one.name));
      if (other != row.get(standard)) value += fmt::format(" ({})", text_of(other));
    });
    help += fmt::format("  {:<34} {} [{}]\n", value, row.help, row.values);
  }
  return help;
}

}  // namespace tessera
