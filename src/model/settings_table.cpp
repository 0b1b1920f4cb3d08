#include "model/settings_table.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/texts.h"
#include "model/metrics.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kMany = 1'000'000;
constexpr const char* kAuto = "auto";

[[noreturn]] void refuse_kind(const std::string& key, const Json& value, const char* kind) {
  fail_usage("setting {} = {}: it must be a {}", key, dump_json(value), kind);
}

std::size_t place_of_word(const std::string& key, const Json& value,
                          std::span<const std::string> words) {
  if (!value.is_string()) refuse_kind(key, value, "word");
  const auto& word = value.get_ref<const std::string&>();
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) {
    fail_usage("setting {} = '{}': it must be one of {}", key, word, joined(words, " | "));
  }
  return static_cast<std::size_t>(found - words.begin());
}

template <class T>
void check_range(const std::string& key, T value, T low, T high) {
  if (!(value >= low && value <= high)) {
    fail_usage("setting {} = {}: it must lie in [{}, {}]", key, value, low, high);
  }
}

// The kinds of rows.

Setting whole(const std::string& key, std::size_t Settings::* member, std::size_t low,
              std::size_t high, const char* help) {
  return {key, help,
          high >= kMany ? fmt::format("from {}", low) : fmt::format("{} to {}", low, high),
          [=](const Settings& s) { return Json(s.*member); },
          [=](Settings& s, const Json& value) {
            if (!value.is_number_unsigned() &&
                !(value.is_number_integer() && value.get<std::int64_t>() >= 0)) {
              refuse_kind(key, value, "whole number, 0 or more");
            }
            check_range(key, value.get<std::size_t>(), low, high);
            s.*member = value.get<std::size_t>();
          }};
}

// A whole number, or `auto`: what the data ask for, which is 0 until they are seen.
Setting whole_or_auto(const std::string& key, std::size_t Settings::* member, std::size_t low,
                      std::size_t high, const char* help) {
  const Setting number = whole(key, member, low, high, help);
  return {key, help, "auto, or " + number.values,
          [=](const Settings& s) { return s.*member == 0 ? Json(kAuto) : Json(s.*member); },
          [=](Settings& s, const Json& value) {
            if (value == kAuto) {
              s.*member = 0;
            } else {
              number.set(s, value);
            }
          }};
}

Setting real(const std::string& key, double Settings::* member, double low, double high,
             const char* help) {
  return {key, help,
          high >= kMany ? fmt::format("from {}", low) : fmt::format("{} to {}", low, high),
          [=](const Settings& s) { return Json(s.*member); },
          [=](Settings& s, const Json& value) {
            if (!value.is_number()) refuse_kind(key, value, "number");
            check_range(key, value.get<double>(), low, high);
            s.*member = value.get<double>();
          }};
}

// A number, or `auto`: what the data ask for, which is kAutoReal until they are seen.
Setting real_or_auto(const std::string& key, double Settings::* member, double low, double high,
                     const char* help) {
  const Setting number = real(key, member, low, high, help);
  return {key, help, "auto, or " + number.values,
          [=](const Settings& s) { return s.*member == kAutoReal ? Json(kAuto) : Json(s.*member); },
          [=](Settings& s, const Json& value) {
            if (value == kAuto) {
              s.*member = kAutoReal;
            } else {
              number.set(s, value);
            }
          }};
}

// Of an enumeration; its words in the order of its values.
template <class Word>
Setting choice(const std::string& key, Word Settings::* member,
               const std::vector<std::string>& words, const char* help) {
  return {key,
          help,
          joined(words, ", "),
          [=](const Settings& s) { return Json(words[static_cast<std::size_t>(s.*member)]); },
          [=](Settings& s, const Json& value) {
            s.*member = static_cast<Word>(place_of_word(key, value, words));
          },
          words};
}

// A name out of another table.
Setting named(const std::string& key, std::string Settings::* member,
              const std::vector<std::string>& names, const char* help) {
  return {
      key,
      help,
      joined(names, ", "),
      [=](const Settings& s) { return Json(s.*member); },
      [=](Settings& s, const Json& value) { s.*member = names[place_of_word(key, value, names)]; },
      names};
}

// "512-256"
std::vector<std::size_t> parse_widths(const std::string& key, const std::string& text) {
  std::vector<std::size_t> widths;
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t width = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), width);
    const std::size_t digits = static_cast<std::size_t>(end - rest.data());
    const bool last = digits == rest.size();
    const bool next = !last && rest[digits] == '-' && digits + 1 < rest.size();
    if (error != std::errc() || width == 0 || width > 65'536 || (!last && !next)) {
      fail_usage("setting {} = '{}': write widths from 1 to 65536 as 512-256", key, text);
    }
    widths.push_back(width);
    rest.remove_prefix(last ? digits : digits + 1);
  }
  return widths;
}

Setting widths(const std::string& key, std::vector<std::size_t> Settings::* member,
               const char* help) {
  return {key, help, "widths as 512-256",
          [=](const Settings& s) {
            std::vector<std::string> words;
            for (const std::size_t width : s.*member) words.push_back(std::to_string(width));
            return Json(joined(words, "-"));
          },
          [=](Settings& s, const Json& value) {
            if (!value.is_string()) refuse_kind(key, value, "word");
            s.*member = parse_widths(key, value.get<std::string>());
          }};
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe& one : recipes()) names.push_back(one.name);
  return names;
}

// clang-format off
std::vector<Setting> make_table() {
  using S = Settings;
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  return {
      named("recipe", &S::recipe, recipe_names(),
           "The recipe that the others started from."),
      choice("tokens", &S::tokens, {"id", "semantic", "unified", "auto"},
             "What an item vector is made of: ID token, semantic tokens, or both; auto: both, unless no "
             "item has a text or ID tokens alone are better on validation."),
      choice("distance", &S::distance, {"cosine", "euclidean", "unified"},
             "How codes are chosen: unified is cosine, at the last level Euclidean."),
      whole_or_auto("levels", &S::levels, 1, 64,
            "Semantic tokens of an item: levels of the residual quantizer."),
      whole("codebook_size", &S::codebook_size, 2, 65536,
            "Codes of each level and of each collaborative token."),
      whole("semantic_dims", &S::semantic_dims, 1, kMany,
            "Width of the semantic part of an item vector."),
      widths("encoder_hidden", &S::encoder_hidden,
             "Widths between a text and its semantic vector; the decoder has them backwards."),
      whole("collaborative_tokens", &S::collaborative_tokens, 0, 256,
            "Collaborative tokens of an item, with tokens=unified; 0: none."),
      whole("collaborative_dims", &S::collaborative_dims, 1, kMany,
            "Width of all collaborative tokens together."),
      whole_or_auto("collaborative_epochs", &S::collaborative_epochs, 1, kMany,
            "Epochs of the model of ID tokens alone that finds collaborative codes."),
      real_or_auto("text_events", &S::text_events, 0, 1e6,
             "Events that weigh as much as the text in collaborative codes, at 12 events an item."),
      whole_or_auto("id_dims", &S::id_dims, 1, kMany,
            "Width of the ID token, with tokens=unified."),
      whole("id_only_dims", &S::id_only_dims, 1, kMany,
            "Width of the ID token, with tokens=id."),
      choice("id_start", &S::id_start, {"random", "text", "auto"},
             "Where ID tokens begin, with tokens=id: at random, or near items of like text; auto: by texts that "
             "tell what is chosen together."),
      whole("hidden", &S::hidden, 1, kMany,
            "Width of queries, keys and values, of all heads together."),
      whole("heads", &S::heads, 1, kMany,
            "Heads of attention; hidden must be a multiple."),
      whole("layers", &S::layers, 1, kMany,
            "Layers of the transformer."),
      whole("feed_forward", &S::feed_forward, 1, kMany,
            "Width inside the feed-forward part of a layer."),
      whole("convolution", &S::convolution, 0, 1000,
            "Events that a causal convolution beside attention sees, in each layer; 0: none."),
      choice("transformer_start", &S::transformer_start, {"random", "first_stage", "auto"},
             "Where the transformer begins, with collaborative tokens: at random, or as ID tokens alone left it; "
             "auto: so beyond 20 events an item."),
      whole_or_auto("max_length", &S::max_length, 1, kMany,
            "Events of a history that count: its last ones."),
      real_or_auto("dropout", &S::dropout, 0, 0.99,
             "Share of activations that a training step leaves out."),
      choice("objective", &S::objective, {"binary", "softmax"},
             "What is trained: binary, each next item against one negative, or softmax, against many."),
      whole("negatives", &S::negatives, 1, kMany,
            "Negatives of a step that all positions share, with objective=softmax; all items if fewer."),
      choice("event_weights", &S::event_weights, {"equal", "given"},
             "What a next event weighs in the loss: as any other, or what prepare --event-types says of its kind."),
      real("commitment_weight", &S::commitment_weight, 0, 1e6,
             "Weight of the distance between residuals and their codes in the loss."),
      real("reconstruction_weight", &S::reconstruction_weight, 0, 1e6,
             "Weight of the error of the decoded text embedding in the loss."),
      real_or_auto("learning_rate", &S::learning_rate, 0, 10,
             "Step size of Adam."),
      choice("schedule", &S::schedule, {"constant", "linear"},
             "Whether the learning rate stays, or falls over all epochs."),
      choice("precision", &S::precision, {"fp32", "bf16", "auto"},
             "Of the item encoder's products in training; auto: bf16 where the CPU multiplies it."),
      real("weight_averaging", &S::weight_averaging, 0, 0.99,
           "Weight of the epochs before in the moving average of weights that is kept; 0: the last alone."),
      choice("windows", &S::windows, {"last", "all"},
             "What is learned: each history's last max_length events, or all, in windows of max_length."),
      whole("batch_users", &S::batch_users, 0, kMany,
            "Users of a training step; 0: as many as batch_positions says."),
      whole("batch_positions", &S::batch_positions, 0, kMany,
            "Positions of a training step, in the mean; 0: as batch_users says."),
      whole_or_auto("epochs", &S::epochs, 1, kMany,
            "Passes over the training events, at most."),
      whole("patience", &S::patience, 1, kMany,
            "Epochs without a better validation value before training stops."),
      named("select", &S::select, metric_names(),
           "The validation metric that chooses the best epoch."),
      choice("selection_protocol", &S::selection_protocol, {"sampled", "full"},
             "How validation ranks: among sampled negatives, or the full catalogue."),
      whole("seed", &S::seed, 0, kAny,
            "Seed of everything random."),
  };
}
// clang-format on

}  // namespace

const std::vector<Setting>& settings_table() {
  static const std::vector<Setting> table = make_table();
  return table;
}

std::span<const Recipe> recipes() {
  static const std::vector<Recipe> known = {
      {"paper", "Lin et al. 2025, as published", {}},
      {"default",
       "what we recommend, with collaborative tokens (docs/default-recipe.md)",
       {"tokens=auto",
        "levels=auto",
        "codebook_size=128",
        "encoder_hidden=256",
        "collaborative_tokens=32",
        "id_dims=auto",
        "id_start=auto",
        "convolution=6",
        "transformer_start=auto",
        "text_events=auto",
        "objective=softmax",
        "negatives=4096",
        "dropout=auto",
        "learning_rate=auto",
        "schedule=linear",
        "epochs=auto",
        "collaborative_epochs=auto",
        "max_length=auto",
        "windows=all",
        "batch_users=0",
        "batch_positions=1536",
        "select=NDCG@10",
        "selection_protocol=full"}},
  };
  return known;
}

}  // namespace tessera
