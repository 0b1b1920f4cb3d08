#include "text/sentence_encoder.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/full_attention.h"
#include "kernels/gemm.h"
#include "kernels/layer_norm.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

/// Tokens that are computed together: enough for GEMM's full speed, few enough for the cache.
constexpr std::size_t kBatchTokens = 2048;

/// Calls visit(name, matrix, rows, cols) for everything learned but the words, with the shapes that
/// the settings ask for.
template <class Encoder, class Visit>
void for_matrices(Encoder& encoder, const Visit& visit) {
  const SentenceSettings& s = encoder.settings;
  const auto dense = [&](const std::string& name, auto& layer, std::size_t in, std::size_t out) {
    visit(name + ".weight", layer.weight, out, in);
    visit(name + ".bias", layer.bias, std::size_t{1}, out);
  };
  const auto norm = [&](const std::string& name, auto& layer) {
    visit(name + ".gamma", layer.gamma, std::size_t{1}, s.width);
    visit(name + ".beta", layer.beta, std::size_t{1}, s.width);
  };
  visit("positions", encoder.positions, s.positions, s.width);
  norm("input_norm", encoder.input_norm);
  for (std::size_t i = 0; i < encoder.layers.size(); ++i) {
    auto& layer = encoder.layers[i];
    const std::string prefix = fmt::format("layers.{}.", i);
    dense(prefix + "query_key_value", layer.query_key_value, s.width, 3 * s.width);
    dense(prefix + "attended", layer.attended, s.width, s.width);
    norm(prefix + "attention_norm", layer.attention_norm);
    dense(prefix + "expand", layer.expand, s.width, s.feed_forward);
    dense(prefix + "contract", layer.contract, s.feed_forward, s.width);
    norm(prefix + "feed_forward_norm", layer.feed_forward_norm);
  }
}

/// What is large is kept in half precision.
bool is_half(const std::string& name) { return name.ends_with(".weight"); }

std::vector<Half> halves(std::span<const float> values) {
  std::vector<Half> result;
  result.reserve(values.size());
  for (const float value : values) result.push_back(static_cast<Half>(value));
  return result;
}

void multiply(const SentenceEncoder::Dense& dense, MatrixView<const float> x, MatrixView<float> y) {
  gemm(Transpose::no, Transpose::yes, 1.0F, x, dense.weight, 0.0F, y);
}

Json to_json(const SentenceSettings& settings, const WordPieceOptions& options) {
  return {{"layers", settings.layers},
          {"heads", settings.heads},
          {"width", settings.width},
          {"feed_forward", settings.feed_forward},
          {"positions", settings.positions},
          {"epsilon", settings.epsilon},
          {"max_tokens", settings.max_tokens},
          {"pooling", settings.pooling == Pooling::mean ? "mean" : "first"},
          {"unit_length", settings.unit_length},
          {"lower_case", options.lower_case},
          {"strip_accents", options.strip_accents},
          {"separate_han", options.separate_han},
          {"unknown", options.unknown},
          {"first", options.first},
          {"last", options.last},
          {"special", options.special}};
}

void from_json(const Json& json, SentenceSettings& settings, WordPieceOptions& options) {
  json.at("layers").get_to(settings.layers);
  json.at("heads").get_to(settings.heads);
  json.at("width").get_to(settings.width);
  json.at("feed_forward").get_to(settings.feed_forward);
  json.at("positions").get_to(settings.positions);
  json.at("epsilon").get_to(settings.epsilon);
  json.at("max_tokens").get_to(settings.max_tokens);
  settings.pooling = json.at("pooling") == "mean" ? Pooling::mean : Pooling::first;
  json.at("unit_length").get_to(settings.unit_length);
  json.at("lower_case").get_to(options.lower_case);
  json.at("strip_accents").get_to(options.strip_accents);
  json.at("separate_han").get_to(options.separate_han);
  json.at("unknown").get_to(options.unknown);
  json.at("first").get_to(options.first);
  json.at("last").get_to(options.last);
  json.at("special").get_to(options.special);
}

}  // namespace

void SentenceEncoder::check(const std::string& source) const {
  const SentenceSettings& s = settings;
  const auto within = [&](const char* name, std::size_t value, std::size_t low, std::size_t high) {
    if (value < low || value > high) {
      fail("{}: {} is {}, but {} to {} are possible", source, name, value, low, high);
    }
  };
  within("the number of layers", s.layers, 1, 256);
  within("the width", s.width, 1, 16384);
  within("the width of the feed-forward layers", s.feed_forward, 1, 65536);
  within("the number of positions", s.positions, 2, 65536);
  within("the largest number of tokens", s.max_tokens, 2, s.positions);
  within("the number of heads", s.heads, 1, s.width);
  if (s.width % s.heads != 0) {
    fail("{}: {} heads do not divide the width {}", source, s.heads, s.width);
  }
  if (!(s.epsilon >= 0.0F && s.epsilon < 1.0F)) {
    fail("{}: {} is no epsilon for a layer norm", source, s.epsilon);
  }
}

void SentenceEncoder::round_weights() {
  for_matrices(*this, [](const std::string& name, Matrix& weights, std::size_t, std::size_t) {
    if (!is_half(name)) return;
    for (float& x : weights.span()) x = static_cast<float>(static_cast<Half>(x));
  });
}

MatrixView<float> SentenceEncoder::states(std::span<const std::int32_t> ids,
                                          SequenceOffsets offsets, StepArena& arena) const {
  const std::size_t rows = ids.size(), width = settings.width;
  const MatrixView<float> state = arena.matrix(rows, width);
  const MatrixView<float> middle = arena.matrix(rows, width);
  const MatrixView<float> attended = arena.matrix(rows, width);
  const MatrixView<float> query_key_value = arena.matrix(rows, 3 * width);
  const MatrixView<float> expanded = arena.matrix(rows, settings.feed_forward);
  const std::span<float> scratch = arena.take<float>(full_attention_scratch(offsets));
  const std::span<float> inverse_std = arena.take<float>(rows);
  const auto norm = [&](const Norm& by, MatrixView<float> x) {
    layer_norm(x, by.gamma.span(), by.beta.span(), settings.epsilon, attended, inverse_std, x);
  };

  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto first = static_cast<std::size_t>(offsets[s]);
    for (std::size_t row = first; row < static_cast<std::size_t>(offsets[s + 1]); ++row) {
      const Half* word = words.data() + static_cast<std::size_t>(ids[row]) * width;
      const float* position = positions[row - first];
      for (std::size_t c = 0; c < width; ++c) {
        state[row][c] = static_cast<float>(word[c]) + position[c];
      }
    }
  }
  norm(input_norm, state);
  for (const Layer& layer : layers) {
    multiply(layer.query_key_value, state, query_key_value);
    add_bias(query_key_value, layer.query_key_value.bias.span());
    full_attention(offsets, settings.heads, query_key_value.col_block(0, width),
                   query_key_value.col_block(width, width),
                   query_key_value.col_block(2 * width, width), scratch, attended);
    multiply(layer.attended, attended, middle);
    add_bias(middle, layer.attended.bias.span());
    add_scaled(1.0F, state, middle);
    norm(layer.attention_norm, middle);

    multiply(layer.expand, middle, expanded);
    bias_gelu(expanded, layer.expand.bias.span(), expanded);
    multiply(layer.contract, expanded, state);
    add_bias(state, layer.contract.bias.span());
    add_scaled(1.0F, middle, state);
    norm(layer.feed_forward_norm, state);
  }
  return state;
}

void SentenceEncoder::pool(MatrixView<const float> states, std::span<float> vector) const {
  if (settings.pooling == Pooling::first) {
    std::ranges::copy(states.row(0), vector.begin());
  } else {
    std::ranges::fill(vector, 0.0F);
    const float share = 1.0F / static_cast<float>(states.rows);
    for (std::size_t i = 0; i < states.rows; ++i) {
      for (std::size_t c = 0; c < vector.size(); ++c) vector[c] += share * states[i][c];
    }
  }
  if (!settings.unit_length) return;
  double squares = 0.0;
  for (const float x : vector) squares += double{x} * x;
  const auto scale = static_cast<float>(1.0 / std::max(std::sqrt(squares), 1e-12));
  for (float& x : vector) x *= scale;
}

Matrix SentenceEncoder::encode(std::span<const std::string_view> texts,
                               const ProgressFunction& progress) const {
  std::vector<std::vector<std::int32_t>> tokens(texts.size());
  parallel_for(texts.size(), 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      tokens[i] = tokenizer.encode(texts[i], settings.max_tokens);
    }
  });
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(tokens[a].size(), a) > std::pair(tokens[b].size(), b);
  });

  Matrix embeddings(texts.size(), dims());
  StepArena arena;
  std::vector<std::int32_t> ids, offsets;
  for (std::size_t first = 0; first < order.size();) {
    ids.clear();
    offsets.assign(1, 0);
    std::size_t next = first;
    for (; next < order.size(); ++next) {
      const std::vector<std::int32_t>& text = tokens[order[next]];
      if (text.size() <= 2) break;  // nothing but [CLS] and [SEP], as all that follow
      if (!ids.empty() && ids.size() + text.size() > kBatchTokens) break;
      ids.insert(ids.end(), text.begin(), text.end());
      offsets.push_back(static_cast<std::int32_t>(ids.size()));
    }
    if (next == first) break;
    arena.reset();
    const MatrixView<float> state = states(ids, offsets, arena);
    for (std::size_t s = 0; first + s < next; ++s) {
      const auto row = static_cast<std::size_t>(offsets[s]);
      pool(state.row_block(row, static_cast<std::size_t>(offsets[s + 1]) - row),
           embeddings.view().row(order[first + s]));
    }
    first = next;
    if (progress) progress(first, texts.size());
  }
  return embeddings;
}

void SentenceEncoder::save(const fs::path& file) const {
  std::string vocabulary;
  for (const std::string& piece : tokenizer.vocabulary()) vocabulary += piece + '\n';
  std::map<std::string, Tensor> tensors;
  std::vector<std::vector<Half>> memory;
  tensors["vocabulary"] = {"U8", {vocabulary.size()}, std::as_bytes(std::span(vocabulary))};
  tensors["words"] = {
      "F16", {words.size() / settings.width, settings.width}, std::as_bytes(std::span(words))};
  for_matrices(*this, [&](const std::string& name, const Matrix& weights, std::size_t rows,
                          std::size_t cols) {
    if (!is_half(name)) {
      tensors[name] = {"F32", {rows, cols}, std::as_bytes(weights.span())};
      return;
    }
    memory.push_back(halves(weights.span()));
    tensors[name] = {"F16", {rows, cols}, std::as_bytes(std::span(memory.back()))};
  });
  write_safetensors(file, tensors,
                    {{"format_version", kTextEncoderVersion},
                     {"kind", kSentenceKind},
                     {"settings", dump_json(to_json(settings, tokenizer.options()))}});
}

SentenceEncoder SentenceEncoder::load(const SafeTensors& file) {
  const std::string source = file.path().string();
  SentenceEncoder encoder;
  WordPieceOptions options;
  try {
    from_json(Json::parse(file.metadata().at("settings")), encoder.settings, options);
  } catch (const std::exception&) {
    fail("{}: its settings cannot be read: run 'tessera embed' again", source);
  }
  encoder.check(source);
  const Tensor& text = file.at("vocabulary");
  std::vector<std::string> vocabulary;
  for_each_line({reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size()},
                [&](std::string_view piece, std::size_t) { vocabulary.emplace_back(piece); });
  const std::size_t count = vocabulary.size() * encoder.dims();
  encoder.tokenizer = WordPiece(std::move(vocabulary), std::move(options), source);
  const std::span<const Half> words = file.values<Half>("words", "F16", count);
  encoder.words.assign(words.begin(), words.end());
  encoder.layers.resize(encoder.settings.layers);
  for_matrices(encoder, [&](const std::string& name, Matrix& weights, std::size_t rows,
                            std::size_t cols) { weights = file.matrix(name, rows, cols); });
  return encoder;
}

}  // namespace tessera
