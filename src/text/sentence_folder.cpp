#include "text/sentence_folder.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/half.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

/// A JSON object and the file it comes from.
struct Config {
  std::string file;
  Json json = Json::object();

  /// The file must hold an object; if it is missing and need not be there, all fields are.
  static Config read(const fs::path& path, bool needed) {
    Config config{path.string()};
    if (!needed && !fs::exists(path)) return config;
    config.json = read_json(path);
    if (!config.json.is_object()) fail("{}: must hold a JSON object", config.file);
    return config;
  }

  /// nullopt if the field is missing or null.
  template <class T>
  std::optional<T> find(const char* field) const {
    const auto found = json.find(field);
    if (found == json.end() || found->is_null()) return std::nullopt;
    try {
      return found->get<T>();
    } catch (const Json::exception&) {
      fail("{}: field '{}' has the wrong type", file, field);
    }
  }
  std::size_t count(const char* field) const {
    const auto value = find<double>(field);
    if (!value || *value < 0 || *value > 1e9) {
      fail("{}: field '{}' must be a whole number", file, field);
    }
    return static_cast<std::size_t>(*value);
  }
};

/// What a model type calls its settings and its weights.
struct Names {
  const char *layers, *heads, *width, *feed_forward, *activation;
  const char *layer, *query, *key, *value, *attended, *attention_norm, *expand, *contract,
      *feed_forward_norm;
};
constexpr Names kBert = {"num_hidden_layers",
                         "num_attention_heads",
                         "hidden_size",
                         "intermediate_size",
                         "hidden_act",
                         "encoder.layer.",
                         "attention.self.query",
                         "attention.self.key",
                         "attention.self.value",
                         "attention.output.dense",
                         "attention.output.LayerNorm",
                         "intermediate.dense",
                         "output.dense",
                         "output.LayerNorm"};
constexpr Names kDistilBert = {"n_layers",          "n_heads",          "dim",
                               "hidden_dim",        "activation",       "transformer.layer.",
                               "attention.q_lin",   "attention.k_lin",  "attention.v_lin",
                               "attention.out_lin", "sa_layer_norm",    "ffn.lin1",
                               "ffn.lin2",          "output_layer_norm"};

struct ModelType {
  std::string name;
  const Names* names;
};

ModelType model_type(const Config& config) {
  const std::string type = config.find<std::string>("model_type").value_or("");
  if (type == "bert") return {type, &kBert};
  if (type == "distilbert") return {type, &kDistilBert};
  fail("{}: model type '{}' is not supported; bert and distilbert are", config.file, type);
}

/// Folders of the modules of a sentence-transformers folder.
struct Modules {
  fs::path transformer;
  std::optional<fs::path> pooling;
  bool unit_length = false;
};

Modules read_modules(const fs::path& folder) {
  Modules modules{folder, std::nullopt, false};
  const fs::path file = folder / "modules.json";
  if (!fs::exists(file)) return modules;
  const Json json = read_json(file);
  if (!json.is_array()) fail("{}: must hold a JSON array", file.string());
  for (const Json& entry : json) {
    const Config module{file.string(), entry.is_object() ? entry : Json::object()};
    std::string type = module.find<std::string>("type").value_or("");
    type = type.substr(type.rfind('.') + 1);
    const fs::path place = folder / module.find<std::string>("path").value_or("");
    if (type == "Transformer") {
      modules.transformer = place;
    } else if (type == "Pooling") {
      modules.pooling = place;
    } else if (type == "Normalize") {
      modules.unit_length = true;
    } else {
      fail("{}: module '{}' is not supported; Transformer, Pooling and Normalize are",
           file.string(), type);
    }
  }
  return modules;
}

/// The mode by whichever of its two names the folder uses.
Pooling read_pooling(const std::optional<fs::path>& folder) {
  if (!folder) return Pooling::mean;
  const Config config = Config::read(*folder / "config.json", true);
  std::string modes = config.find<std::string>("pooling_mode").value_or("");
  for (const auto& [key, value] : config.json.items()) {
    constexpr std::string_view kPrefix = "pooling_mode_";
    if (!key.starts_with(kPrefix) || value != true) continue;
    modes += (modes.empty() ? "" : " and ") + key.substr(kPrefix.size());
  }
  if (modes == "mean" || modes == "mean_tokens") return Pooling::mean;
  if (modes == "cls" || modes == "cls_token") return Pooling::first;
  fail("{}: pooling '{}' is not supported; the mean of the tokens or the first (cls) is",
       config.file, modes);
}

/// "[UNK]", or {"content": "[UNK]", …}.
void read_token(const Config& config, const char* field, std::string& token) {
  const auto found = config.json.find(field);
  if (found == config.json.end() || found->is_null()) return;
  const Json& text =
      found->is_object() && found->contains("content") ? found->at("content") : *found;
  if (!text.is_string()) fail("{}: field '{}' must be a token", config.file, field);
  token = text.get<std::string>();
}

WordPiece read_tokenizer(const fs::path& folder, const Config& tokenizer, bool lower_case,
                         std::size_t words) {
  const fs::path file = folder / "vocab.txt";
  if (!fs::exists(file)) {
    fail("{}: missing: a tokenizer of WordPiece's kind is needed, with its vocabulary",
         file.string());
  }
  if (tokenizer.find<bool>("do_basic_tokenize") == false) {
    fail("{}: do_basic_tokenize = false is not supported", tokenizer.file);
  }
  WordPieceOptions options;
  const bool lower = tokenizer.find<bool>("do_lower_case").value_or(true);
  options.lower_case = lower || lower_case;
  options.strip_accents = tokenizer.find<bool>("strip_accents").value_or(lower);
  options.separate_han = tokenizer.find<bool>("tokenize_chinese_chars").value_or(true);
  std::string pad = "[PAD]", mask = "[MASK]";
  read_token(tokenizer, "unk_token", options.unknown);
  read_token(tokenizer, "cls_token", options.first);
  read_token(tokenizer, "sep_token", options.last);
  read_token(tokenizer, "pad_token", pad);
  read_token(tokenizer, "mask_token", mask);
  options.special = {options.unknown, options.first, options.last, pad, mask};
  std::vector<std::string> vocabulary;
  for_each_line(read_file(file),
                [&](std::string_view piece, std::size_t) { vocabulary.emplace_back(piece); });
  if (vocabulary.size() != words) {
    fail("{}: {} pieces where the model has {} word embeddings; fetch the folder again",
         file.string(), vocabulary.size(), words);
  }
  return {std::move(vocabulary), std::move(options), file.string()};
}

SafeTensors read_weights(const fs::path& folder) {
  const fs::path file = folder / "model.safetensors";
  if (!fs::exists(file)) {
    if (fs::exists(folder / "pytorch_model.bin")) {
      fail("{}: missing: convert pytorch_model.bin once by scripts/convert-weights {}",
           file.string(), folder.string());
    }
    fail("{}: missing: the model's weights are needed", file.string());
  }
  return SafeTensors::mapped(file);
}

/// Weights by the names of the model type, which some files put behind the type's own name.
class Weights {
 public:
  Weights(const SafeTensors& file, const ModelType& type)
      : file_(file),
        prefix_(file.contains(type.name + "." + kWords) ? type.name + "." : std::string()) {}

  bool contains(const std::string& name) const { return file_.contains(prefix_ + name); }
  Matrix matrix(const std::string& name, std::size_t rows, std::size_t cols) const {
    Matrix values = file_.matrix(prefix_ + name, rows, cols);
    if (!std::ranges::all_of(values.span(), [](float x) { return std::abs(x) <= kLargestHalf; })) {
      fail("{}: tensor '{}' holds NaN or values beyond half precision; fetch the file again",
           file_.path().string(), prefix_ + name);
    }
    return values;
  }
  SentenceEncoder::Dense dense(const std::string& name, std::size_t in, std::size_t out) const {
    return {matrix(name + ".weight", out, in), matrix(name + ".bias", 1, out)};
  }
  SentenceEncoder::Norm norm(const std::string& name, std::size_t width) const {
    return {matrix(name + ".weight", 1, width), matrix(name + ".bias", 1, width)};
  }

  static constexpr const char* kWords = "embeddings.word_embeddings.weight";

 private:
  const SafeTensors& file_;
  std::string prefix_;
};

/// The layers below each other as one.
SentenceEncoder::Dense stacked(std::span<const SentenceEncoder::Dense> parts, std::size_t width) {
  SentenceEncoder::Dense all{Matrix(parts.size() * width, width), Matrix(1, parts.size() * width)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::ranges::copy(parts[i].weight.span(), all.weight[i * width]);
    std::ranges::copy(parts[i].bias.span(), all.bias[0] + i * width);
  }
  return all;
}

SentenceEncoder::Layer read_layer(const Weights& weights, const Names& names, std::size_t number,
                                  const SentenceSettings& settings) {
  const std::size_t width = settings.width;
  const auto name = [&](const char* part) {
    return fmt::format("{}{}.{}", names.layer, number, part);
  };
  const SentenceEncoder::Dense projections[] = {weights.dense(name(names.query), width, width),
                                                weights.dense(name(names.key), width, width),
                                                weights.dense(name(names.value), width, width)};
  return {stacked(projections, width),
          weights.dense(name(names.attended), width, width),
          weights.norm(name(names.attention_norm), width),
          weights.dense(name(names.expand), width, settings.feed_forward),
          weights.dense(name(names.contract), settings.feed_forward, width),
          weights.norm(name(names.feed_forward_norm), width)};
}

}  // namespace

SentenceEncoder read_sentence_folder(const fs::path& folder) {
  const Modules modules = read_modules(folder);
  const fs::path& place = modules.transformer;
  const Config config = Config::read(place / "config.json", true);
  const Config tokenizer = Config::read(place / "tokenizer_config.json", false);
  const Config sentence = Config::read(place / "sentence_bert_config.json", false);
  const ModelType type = model_type(config);
  const Names& names = *type.names;
  if (const auto act = config.find<std::string>(names.activation).value_or("gelu"); act != "gelu") {
    fail("{}: activation '{}' is not supported; gelu is", config.file, act);
  }
  if (const auto kind = config.find<std::string>("position_embedding_type").value_or("absolute");
      kind != "absolute") {
    fail("{}: positions of type '{}' are not supported; absolute ones are", config.file, kind);
  }

  SentenceEncoder encoder;
  SentenceSettings& settings = encoder.settings;
  settings.layers = config.count(names.layers);
  settings.heads = config.count(names.heads);
  settings.width = config.count(names.width);
  settings.feed_forward = config.count(names.feed_forward);
  settings.positions = config.count("max_position_embeddings");
  settings.epsilon = config.find<float>("layer_norm_eps").value_or(1e-12F);
  // Written as 1e30 where a tokenizer knows no limit.
  const double limit = sentence.find<double>("max_seq_length")
                           .value_or(tokenizer.find<double>("model_max_length").value_or(1e30));
  settings.max_tokens =
      static_cast<std::size_t>(std::clamp(limit, 0.0, static_cast<double>(settings.positions)));
  settings.pooling = read_pooling(modules.pooling);
  settings.unit_length = modules.unit_length;
  encoder.check(config.file);

  const SafeTensors file = read_weights(place);
  const Weights weights(file, type);
  const Matrix words = weights.matrix(Weights::kWords, config.count("vocab_size"), settings.width);
  encoder.tokenizer = read_tokenizer(
      place, tokenizer, sentence.find<bool>("do_lower_case").value_or(false), words.rows());
  encoder.words.reserve(words.size());
  for (const float x : words.span()) encoder.words.push_back(static_cast<Half>(x));
  encoder.positions =
      weights.matrix("embeddings.position_embeddings.weight", settings.positions, settings.width);
  const std::string segments = "embeddings.token_type_embeddings.weight";
  if (weights.contains(segments)) {  // a text is all of segment 0
    const Matrix segment = weights.matrix(segments, 0, settings.width);
    for (std::size_t i = 0; i < settings.positions && segment.rows() > 0; ++i) {
      for (std::size_t c = 0; c < settings.width; ++c) encoder.positions[i][c] += segment[0][c];
    }
  }
  encoder.input_norm = weights.norm("embeddings.LayerNorm", settings.width);
  for (std::size_t i = 0; i < settings.layers; ++i) {
    encoder.layers.push_back(read_layer(weights, names, i, settings));
  }
  encoder.round_weights();
  return encoder;
}

}  // namespace tessera
