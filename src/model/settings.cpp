#include "model/settings.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "kernels/gemm_bf16.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

void check_choice(const char* key, const std::string& value,
                  std::initializer_list<const char*> choices) {
  std::string known;
  for (const char* choice : choices) {
    if (value == choice) return;
    known += known.empty() ? choice : std::string(" | ") + choice;
  }
  fail_usage("setting {} = '{}': it must be one of {}", key, value, known);
}

void check_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    fail_usage("setting {} = {}: it must lie in [{}, {}]", key, value, low, high);
  }
}

void check(const Settings& s) {
  check_choice("recipe", s.recipe, {"paper", "default"});
  check_choice("tokens", s.tokens, {"id", "semantic", "unified"});
  check_choice("distance", s.distance, {"cosine", "euclidean", "unified"});
  check_choice("schedule", s.schedule, {"constant", "linear"});
  check_choice("objective", s.objective, {"binary", "softmax"});
  check_choice("precision", s.precision, {"fp32", "bf16", "auto"});
  check_choice("select", s.select, {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"});
  check_choice("selection_protocol", s.selection_protocol, {"sampled", "full"});
  const auto at_least_one = [](const char* key, std::size_t value) {
    check_range(key, static_cast<double>(value), 1, 1e6);
  };
  check_range("levels", static_cast<double>(s.levels), 1, 64);
  check_range("codebook_size", static_cast<double>(s.codebook_size), 2, 65536);
  at_least_one("semantic_dims", s.semantic_dims);
  s.encoder_widths(1);
  check_range("collaborative_tokens", static_cast<double>(s.collaborative_tokens), 0, 256);
  at_least_one("collaborative_dims", s.collaborative_dims);
  at_least_one("collaborative_epochs", s.collaborative_epochs);
  check_range("text_events", s.text_events, 0, 1e6);
  if (s.collaborative_tokens > 0 && s.collaborative_dims % s.collaborative_tokens != 0) {
    fail_usage(
        "setting collaborative_dims = {}: it must be a multiple of collaborative_tokens = {}",
        s.collaborative_dims, s.collaborative_tokens);
  }
  at_least_one("id_dims", s.id_dims);
  at_least_one("id_only_dims", s.id_only_dims);
  at_least_one("hidden", s.hidden);
  at_least_one("heads", s.heads);
  at_least_one("layers", s.layers);
  at_least_one("feed_forward", s.feed_forward);
  at_least_one("max_length", s.max_length);
  at_least_one("negatives", s.negatives);
  at_least_one("batch_users", s.batch_users);
  at_least_one("epochs", s.epochs);
  at_least_one("patience", s.patience);
  check_range("dropout", s.dropout, 0, 0.99);
  check_range("commitment_weight", s.commitment_weight, 0, 1e6);
  check_range("reconstruction_weight", s.reconstruction_weight, 0, 1e6);
  check_range("learning_rate", s.learning_rate, 0, 10);
  if (s.hidden % s.heads != 0) {
    fail_usage("setting hidden = {}: it must be a multiple of heads = {}", s.hidden, s.heads);
  }
}

}  // namespace

Settings Settings::collaborative_stage() const {
  Settings stage = *this;
  stage.tokens = "id";
  stage.id_only_dims = collaborative_dims;
  stage.epochs = collaborative_epochs;
  // A table of its own row an item wants more of both than shared tokens do.
  stage.dropout = 0.5;
  stage.learning_rate = 3e-3;
  return stage;
}

std::vector<std::size_t> Settings::encoder_widths(std::size_t text_dims) const {
  std::vector<std::size_t> widths = {text_dims};
  std::string_view rest = encoder_hidden;
  while (!rest.empty()) {
    std::size_t width = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), width);
    const std::size_t digits = static_cast<std::size_t>(end - rest.data());
    const bool last = digits == rest.size();
    const bool next = !last && rest[digits] == '-' && digits + 1 < rest.size();
    if (error != std::errc() || width == 0 || width > 65'536 || (!last && !next)) {
      fail_usage("setting encoder_hidden = '{}': write widths from 1 to 65536 as 512-256",
                 encoder_hidden);
    }
    widths.push_back(width);
    rest.remove_prefix(last ? digits : digits + 1);
  }
  widths.push_back(semantic_dims);
  return widths;
}

std::vector<Distance> Settings::level_distances() const {
  std::vector<Distance> distances(levels,
                                  distance == "euclidean" ? Distance::euclidean : Distance::cosine);
  if (distance == "unified") distances.back() = Distance::euclidean;
  return distances;
}

Precision Settings::training_precision() const {
  const bool brain_floats = precision == "bf16" || (precision == "auto" && has_bf16());
  return brain_floats ? Precision::bf16 : Precision::fp32;
}

TransformerShape Settings::transformer() const {
  return {width(), hidden, heads, feed_forward, layers, max_length};
}

Json to_json(const Settings& s) {
  return {{"recipe", s.recipe},
          {"tokens", s.tokens},
          {"distance", s.distance},
          {"levels", s.levels},
          {"codebook_size", s.codebook_size},
          {"semantic_dims", s.semantic_dims},
          {"encoder_hidden", s.encoder_hidden},
          {"collaborative_tokens", s.collaborative_tokens},
          {"collaborative_dims", s.collaborative_dims},
          {"collaborative_epochs", s.collaborative_epochs},
          {"text_events", s.text_events},
          {"id_dims", s.id_dims},
          {"id_only_dims", s.id_only_dims},
          {"hidden", s.hidden},
          {"heads", s.heads},
          {"layers", s.layers},
          {"feed_forward", s.feed_forward},
          {"max_length", s.max_length},
          {"dropout", s.dropout},
          {"objective", s.objective},
          {"negatives", s.negatives},
          {"commitment_weight", s.commitment_weight},
          {"reconstruction_weight", s.reconstruction_weight},
          {"learning_rate", s.learning_rate},
          {"schedule", s.schedule},
          {"precision", s.precision},
          {"batch_users", s.batch_users},
          {"epochs", s.epochs},
          {"patience", s.patience},
          {"select", s.select},
          {"selection_protocol", s.selection_protocol},
          {"seed", s.seed}};
}

Settings settings_from_json(const Json& json) {
  if (!json.is_object()) fail_usage("the settings must be an object of key and value");
  Settings s;
  const Json known = to_json(s);
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) {
      std::vector<std::string> names;
      for (const auto& item : known.items()) names.push_back(item.key());
      const std::string near = nearest_word(key, names);
      fail_usage("unknown setting '{}'{}", key,
                 near.empty() ? "; see 'tessera train --help'" : "; did you mean '" + near + "'?");
    }
    const Json& like = known.at(key);
    const bool fits = like.is_string() ? value.is_string()
                      : like.is_number_float()
                          ? value.is_number()
                          : value.is_number_unsigned() ||
                                (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!fits) {
      fail_usage("setting {} = {}: it must be a {}", key, dump_json(value),
                 like.is_string()         ? "word"
                 : like.is_number_float() ? "number"
                                          : "whole number, 0 or more");
    }
  }
  const auto take = [&](const char* key, auto& target) {
    if (json.contains(key)) json.at(key).get_to(target);
  };
  take("recipe", s.recipe);
  take("tokens", s.tokens);
  take("distance", s.distance);
  take("levels", s.levels);
  take("codebook_size", s.codebook_size);
  take("semantic_dims", s.semantic_dims);
  take("encoder_hidden", s.encoder_hidden);
  take("collaborative_tokens", s.collaborative_tokens);
  take("collaborative_dims", s.collaborative_dims);
  take("collaborative_epochs", s.collaborative_epochs);
  take("text_events", s.text_events);
  take("id_dims", s.id_dims);
  take("id_only_dims", s.id_only_dims);
  take("hidden", s.hidden);
  take("heads", s.heads);
  take("layers", s.layers);
  take("feed_forward", s.feed_forward);
  take("max_length", s.max_length);
  take("dropout", s.dropout);
  take("objective", s.objective);
  take("negatives", s.negatives);
  take("commitment_weight", s.commitment_weight);
  take("reconstruction_weight", s.reconstruction_weight);
  take("learning_rate", s.learning_rate);
  take("schedule", s.schedule);
  take("precision", s.precision);
  take("batch_users", s.batch_users);
  take("epochs", s.epochs);
  take("patience", s.patience);
  take("select", s.select);
  take("selection_protocol", s.selection_protocol);
  take("seed", s.seed);
  check(s);
  return s;
}

void apply_setting(Settings& settings, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    fail_usage("--set {}: write it as key=value", assignment);
  }
  const std::string key(assignment.substr(0, equals));
  const std::string text(assignment.substr(equals + 1));
  const Json like = to_json(settings);
  Json value = text;
  if (like.contains(key) && !like.at(key).is_string()) {
    value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) value = text;  // refused below, with what it must be
  }
  Json changed = like;
  changed[key] = value;
  settings = settings_from_json(changed);
}

std::string settings_help() {
  std::string help =
      "Settings, for --set, as the recipe paper has them (and default, where it differs):";
  std::string line;
  const Json paper = to_json(recipe("paper"));
  const Json by_default = to_json(recipe("default"));
  const auto word = [](const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [key, value] : paper.items()) {
    if (key == "recipe") continue;
    std::string part = fmt::format("{}={}", key, word(value));
    if (by_default.at(key) != value) part += fmt::format(" ({})", word(by_default.at(key)));
    if (line.empty() || line.size() + part.size() > 92) {
      help += line + "\n ";
      line.clear();
    }
    line += " " + part;
  }
  return help + line + "\n";
}

Settings recipe(const std::string& name) {
  Settings settings;
  settings.recipe = name;
  if (name == "default") {
    settings.codebook_size = 128;
    settings.encoder_hidden = "256";
    settings.collaborative_tokens = 32;
    settings.id_dims = 4;
    settings.objective = "softmax";
    settings.negatives = 1024;
    settings.dropout = 0.3;
    settings.learning_rate = 1e-3;
    settings.schedule = "linear";
    settings.epochs = 10;
    settings.select = "NDCG@10";
    settings.selection_protocol = "full";
  }
  check(settings);
  return settings;
}

}  // namespace tessera
