#include "tokenize/tokenizer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_numbers.h"
#include "base/parallel.h"
#include "base/safetensors.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "tokenize/trained.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr int kTokenizerVersion = 1;
constexpr const char* kMetadata = "tokenizer";
constexpr std::size_t kCodeRows = 8192;  // vectors in code space at a time

std::vector<Distance> distances_of(LevelDistances distance, std::size_t levels) {
  Settings settings;
  settings.distance = distance;
  settings.levels = levels;
  return settings.level_distances();
}

void check_options(const TokenizerOptions& options) {
  const std::size_t levels = options.sizes.size();
  const bool parts = options.quantizer == Quantizer::product || options.quantizer == Quantizer::opq;
  if (levels == 0 || levels > 64) fail_usage("--levels {}: it must be from 1 to 64", levels);
  for (const std::size_t size : options.sizes) {
    if (size < 1 || size > 65'536) {
      fail_usage("--codebook-size {}: it must be from 1 to 65536", size);
    }
  }
  if (parts && options.distance && *options.distance != LevelDistances::euclidean) {
    fail_usage("--distance is of residual levels: parts are compared by Euclidean distance");
  }
  if (options.quantizer == Quantizer::trained &&
      std::ranges::adjacent_find(options.sizes, std::not_equal_to()) != options.sizes.end()) {
    fail_usage("--codebook-size: the trained quantizer has one size for all its levels");
  }
  if (options.beam < 1 || options.beam > 1024) {
    fail_usage("--beam {}: it must be from 1 to 1024", options.beam);
  }
  if (options.sample < 1) fail_usage("--sample 0: codebooks are fitted to one vector or more");
}

// 1 over the root of the mean squared length: what the encoder reads is of about unit length.
float scale_of(const Matrix& x) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.rows(); ++i) sum += dot(x.view().row(i), x.view().row(i));
  return sum > 0.0 ? static_cast<float>(std::sqrt(static_cast<double>(x.rows()) / sum)) : 1.0F;
}

std::vector<TokenBook> books_of(ResidualQuantizer& quantizer) {
  std::vector<TokenBook> books;
  for (ResidualQuantizer::Level& level : quantizer.levels) {
    books.push_back({level.distance, 0, std::move(level.codebook)});
  }
  return books;
}

bool any_cosine(const AdditiveCodes& codes) {
  return std::ranges::any_of(
      codes.books(), [](const TokenBook& book) { return book.distance == Distance::cosine; });
}

Matrix through(const Mlp& mlp, MatrixView<const float> x, float scale) {
  StepArena arena;
  const MatrixView<float> input = arena.matrix(x.rows, x.cols);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::ranges::transform(x.row(i), input[i], [&](float value) { return scale * value; });
  }
  const MatrixView<float> output = mlp.forward(input, arena).output;
  Matrix z(output.rows, output.cols);
  for (std::size_t i = 0; i < z.rows(); ++i) std::copy_n(output[i], z.cols(), z[i]);
  return z;
}

Matrix copy_of(MatrixView<const float> x) {
  Matrix copy(x.rows, x.cols);
  for (std::size_t i = 0; i < x.rows; ++i) std::copy_n(x[i], x.cols, copy[i]);
  return copy;
}

// The layers of a file, by the names of Mlp.
Mlp read_mlp(const SafeTensors& file, const std::string& name) {
  std::vector<std::size_t> widths;
  for (std::size_t layer = 0;; ++layer) {
    const std::string weight = fmt::format("{}.{}.weight", name, layer);
    if (!file.contains(weight)) break;
    const Tensor& tensor = file.at(weight);
    if (tensor.shape.size() != 2) fail("{}: '{}' is no matrix", file.path().string(), weight);
    if (widths.empty()) widths.push_back(tensor.shape[1]);
    widths.push_back(tensor.shape[0]);
  }
  if (widths.empty()) return {};
  Mlp mlp(name, widths);
  ParameterList parameters;
  mlp.collect(parameters);
  for (Parameter* p : parameters) {
    p->value = file.matrix(p->name, p->value.rows(), p->value.cols());
    p->keep_value_alone();
  }
  return mlp;
}

}  // namespace

LevelDistances distance_of(std::string_view word) {
  Settings settings;
  apply_setting(settings, "distance=" + std::string(word));
  return settings.distance;
}

SemanticTokenizer SemanticTokenizer::fit(const VectorSource& vectors,
                                         const TokenizerOptions& options) {
  check_options(options);
  if (vectors.rows == 0) fail("{}: holds no vectors", vectors.name);
  if (vectors.dims == 0) fail("{}: the vectors have no columns", vectors.name);
  const std::size_t levels = options.sizes.size();
  SemanticTokenizer result;
  result.quantizer_ = options.quantizer;
  result.dims_ = vectors.dims;
  Matrix x = sample_of(vectors, options.sample);
  std::size_t done = 0, total = 0;
  const Step step = [&] {
    if (options.progress) options.progress(++done, total);
  };
  std::vector<TokenBook> books;
  switch (options.quantizer) {
    case Quantizer::residual: {
      const auto distances =
          distances_of(options.distance.value_or(LevelDistances::euclidean), levels);
      total = residual_steps(options, distances);
      books = fit_residual(x, options, distances, step);
      break;
    }
    case Quantizer::trained: {
      total = options.updates;
      result.scale_ = scale_of(x);
      for (float& value : x.span()) value *= result.scale_;
      UnifiedItemEncoder trained =
          train_quantizer(x, options, options.distance.value_or(LevelDistances::unified), step);
      books = books_of(trained.quantizer);
      result.encoder_ = std::move(trained.encoder);
      result.decoder_ = std::move(trained.decoder);
      ParameterList parameters;
      result.encoder_.collect(parameters);
      result.decoder_.collect(parameters);
      for (Parameter* p : parameters) p->keep_value_alone();
      break;
    }
    case Quantizer::opq:
    case Quantizer::product: {
      if (vectors.dims < levels) {
        fail("{}: {} columns cannot be cut into {} parts: lower --levels", vectors.name,
             vectors.dims, levels);
      }
      const bool rotate = options.quantizer == Quantizer::opq;
      total = levels + (rotate ? kRotationRounds : 0);
      if (rotate) {
        result.rotation_ = fit_rotation(x, options, step);
        x = rotated(x, result.rotation_);
      }
      books = fit_parts(x, options, step);
      break;
    }
  }
  result.codes_ = AdditiveCodes(
      std::move(books), options.quantizer == Quantizer::trained ? options.code_dims : vectors.dims);
  const bool searches = options.quantizer == Quantizer::residual && !any_cosine(result.codes_);
  result.beam_ = searches ? options.beam : 1;
  return result;
}

std::size_t SemanticTokenizer::parameters() const {
  std::size_t count = rotation_.size();
  for (const TokenBook& book : codes_.books()) count += book.rows.size();
  for (const Mlp* mlp : {&encoder_, &decoder_}) {
    for (const Linear& layer : mlp->layers) {
      count += layer.weight.value.size() + layer.bias.value.size();
    }
  }
  return count;
}

Matrix SemanticTokenizer::code_space(MatrixView<const float> x) const {
  if (x.cols != dims_) {
    fail("the vectors have {} columns; this tokenizer was fitted to {}", x.cols, dims_);
  }
  if (!encoder_.layers.empty()) return through(encoder_, x, scale_);
  return rotation_.size() > 0 ? rotated(x, rotation_) : copy_of(x);
}

IntMatrix SemanticTokenizer::encode(const VectorSource& vectors,
                                    const ProgressFunction& progress) const {
  if (vectors.dims != dims_) {
    fail("{}: the vectors have {} columns; this tokenizer was fitted to {}", vectors.name,
         vectors.dims, dims_);
  }
  IntMatrix found{vectors.rows, levels(), std::vector<std::int32_t>(vectors.rows * levels())};
  const MatrixView<std::int32_t> codes(found.values.data(), found.rows, found.cols);
  for_each_block(vectors, [&](std::size_t first, MatrixView<float> block) {
    for (std::size_t at = 0; at < block.rows; at += kCodeRows) {
      const std::size_t count = std::min(kCodeRows, block.rows - at);
      const MatrixView<float> rows = block.row_block(at, count);
      const MatrixView<std::int32_t> out = codes.row_block(first + at, count);
      // Vectors as they are need no second copy.
      if (encoder_.layers.empty() && rotation_.size() == 0) {
        codes_.encode(rows, beam_, out);
      } else {
        codes_.encode(code_space(rows), beam_, out);
      }
      if (progress) progress(first + at + count, vectors.rows);
    }
  });
  return found;
}

Matrix SemanticTokenizer::decode(const IntMatrix& codes, std::optional<std::size_t> first) const {
  const std::size_t levels = first.value_or(codes_.levels());
  if (levels > codes_.levels()) {
    fail_usage("levels = {}: this tokenizer has {}", levels, codes_.levels());
  }
  if (codes.cols < levels) {
    fail_usage("{} codes an item; this tokenizer has {} levels", codes.cols, codes_.levels());
  }
  for (std::size_t i = 0; i < codes.rows; ++i) {
    for (std::size_t l = 0; l < levels; ++l) {
      const std::int32_t code = codes.row(i)[l];
      if (code >= 0 && static_cast<std::size_t>(code) < codes_.codes(l)) continue;
      fail("row {}: level {} has no code {}; its codes are 0 to {}", i, l + 1, code,
           codes_.codes(l) - 1);
    }
  }
  Matrix z(codes.rows, codes_.dims());
  parallel_for(codes.rows, 256, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      codes_.decode(codes.row(i), levels, z.view().row(i));
    }
  });
  if (!decoder_.layers.empty()) {
    Matrix x = through(decoder_, z, 1.0F);
    for (float& value : x.span()) value /= scale_;
    return x;
  }
  if (rotation_.size() == 0) return z;
  Matrix x(z.rows(), dims_);
  gemm(Transpose::no, Transpose::yes, 1.0F, z, rotation_, 0.0F, x);
  return x;
}

void SemanticTokenizer::save(const fs::path& file) const {
  Json facts = {{"format_version", kTokenizerVersion},
                {"quantizer", word()},
                {"dims", dims_},
                {"code_dims", codes_.dims()},
                {"beam", beam_},
                {"scale", scale_},
                {"levels", Json::array()}};
  std::map<std::string, Tensor> tensors;
  for (std::size_t l = 0; l < levels(); ++l) {
    const TokenBook& book = codes_.books()[l];
    facts["levels"].push_back(
        {{"distance", book.distance == Distance::cosine ? "cosine" : "euclidean"},
         {"column", book.column}});
    tensors[fmt::format("codebooks.{}", l)] = as_tensor(book.rows);
  }
  if (rotation_.size() > 0) tensors["rotation"] = as_tensor(rotation_);
  for (const Mlp* mlp : {&encoder_, &decoder_}) {
    for (const Linear& layer : mlp->layers) {
      tensors[layer.weight.name] = as_tensor(layer.weight.value);
      tensors[layer.bias.name] = as_tensor(layer.bias.value);
    }
  }
  write_safetensors(file, tensors, {{kMetadata, facts.dump()}});
}

SemanticTokenizer SemanticTokenizer::load(const fs::path& file) {
  const SafeTensors tensors(file);
  const auto found = tensors.metadata().find(kMetadata);
  if (found == tensors.metadata().end()) {
    fail("{}: is no tokenizer: 'tessera tokenize' writes one", file.string());
  }
  const Json facts = parse_json(found->second, file.string());
  SemanticTokenizer result;
  try {
    if (facts.at("format_version").get<int>() > kTokenizerVersion) {
      fail("{}: was written by a newer version of tessera", file.string());
    }
    const auto word = facts.at("quantizer").get<std::string>();
    const auto known = std::ranges::find(kQuantizers, word, &QuantizerWord::word);
    if (known == kQuantizers.end()) fail("{}: unknown quantizer '{}'", file.string(), word);
    result.quantizer_ = known->quantizer;
    result.dims_ = whole_number(facts.at("dims"));
    result.beam_ = std::clamp<std::size_t>(whole_number(facts.at("beam")), 1, 1024);
    result.scale_ = facts.at("scale").get<float>();
    const auto code_dims = whole_number(facts.at("code_dims"));
    std::vector<TokenBook> books;
    for (const Json& level : facts.at("levels")) {
      TokenBook book{level.at("distance") == "cosine" ? Distance::cosine : Distance::euclidean,
                     whole_number(level.at("column")),
                     tensors.matrix(fmt::format("codebooks.{}", books.size()))};
      if (book.rows.rows() == 0 || book.column > code_dims ||
          book.rows.cols() > code_dims - book.column) {
        fail("{}: codebook {} does not fit {} dims", file.string(), books.size(), code_dims);
      }
      books.push_back(std::move(book));
    }
    if (books.empty()) fail("{}: has no codebooks", file.string());
    result.codes_ = AdditiveCodes(std::move(books), code_dims);
  } catch (const Json::exception&) {
    fail("{}: the description of the tokenizer is damaged", file.string());
  }
  if (tensors.contains("rotation")) {
    result.rotation_ = tensors.matrix("rotation", result.dims_, result.dims_);
  }
  result.encoder_ = read_mlp(tensors, "item_encoder");
  result.decoder_ = read_mlp(tensors, "item_decoder");
  const std::size_t code_dims = result.codes_.dims();
  const bool fits = result.encoder_.layers.empty()
                        ? code_dims == result.dims_ && result.decoder_.layers.empty()
                        : !result.decoder_.layers.empty() &&
                              result.encoder_.layers.front().in() == result.dims_ &&
                              result.encoder_.layers.back().out() == code_dims &&
                              result.decoder_.layers.front().in() == code_dims &&
                              result.decoder_.layers.back().out() == result.dims_;
  if (!fits || !(result.scale_ > 0.0F)) {
    fail("{}: encoder, decoder and codebooks do not fit each other", file.string());
  }
  if (any_cosine(result.codes_)) result.beam_ = 1;
  return result;
}

}  // namespace tessera
