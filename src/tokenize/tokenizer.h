#pragma once
#include <array>
#include <optional>
#include <string_view>

#include "base/npy.h"
#include "base/progress.h"
#include "model/settings.h"
#include "tokenize/additive_codes.h"
#include "tokenize/vector_source.h"

namespace tessera {

/// How vectors become codes:
/// residual: k-means level by level on what the levels before leave over (Chen et al. 2010), all
/// codebooks then solved together by least squares; trained: the residual quantizer of the paper,
/// between an encoder and a decoder that are trained to give the vectors back (Lin et al. 2025,
/// section 3); product: columns cut into parts, a code each (Jégou et al. 2011); opq: the same
/// behind a rotation that suits the cuts (Ge et al. 2013).
enum class Quantizer : std::uint8_t { residual, trained, product, opq };

struct QuantizerWord {
  std::string_view word;
  Quantizer quantizer;
};
inline constexpr std::array kQuantizers = {
    QuantizerWord{"residual", Quantizer::residual}, QuantizerWord{"trained", Quantizer::trained},
    QuantizerWord{"product", Quantizer::product}, QuantizerWord{"opq", Quantizer::opq}};

/// By its word of settings; UsageError for any other.
LevelDistances distance_of(std::string_view word);

struct TokenizerOptions {
  Quantizer quantizer = Quantizer::residual;
  /// Of residual levels; none: unified for `trained`, Euclidean otherwise.
  std::optional<LevelDistances> distance;
  std::vector<std::size_t> sizes = {256, 256, 256};  ///< codes of each level
  std::size_t beam = 8;          ///< sums that a residual quantizer keeps in sight; 1 by cosine
  std::size_t sample = 100'000;  ///< vectors that codebooks are fitted to, evenly spread
  std::size_t rounds = 25;       ///< of each k-means
  std::size_t updates = 2000;    ///< of the trained quantizer, batches of 1,024 vectors
  std::size_t code_dims = 64;    ///< of the trained quantizer's codes
  std::uint64_t seed = 1;
  ProgressFunction progress = {};
};

/// Vectors of items → semantic IDs, and back. What it does to a vector depends on nothing but its
/// file: new items are encoded as the first ones were.
class SemanticTokenizer {
 public:
  /// Fits codebooks to vectors [n, dims]. Throws UsageError for options that do not go together,
  /// Error for vectors that cannot be quantized (none, no columns, NaN, fewer columns than parts).
  static SemanticTokenizer fit(const VectorSource& vectors, const TokenizerOptions& options);

  std::size_t levels() const { return codes_.levels(); }
  std::size_t dims() const { return dims_; }
  Quantizer quantizer() const { return quantizer_; }
  std::string_view word() const { return kQuantizers[static_cast<std::size_t>(quantizer_)].word; }
  /// The codebooks, in the space that codes are found in (code_space).
  const AdditiveCodes& codes() const { return codes_; }
  /// Learned numbers: codebooks, rotation, encoder and decoder.
  std::size_t parameters() const;

  /// Where codes are found: x itself, rotated, or encoded. x [n, dims].
  Matrix code_space(MatrixView<const float> x) const;
  /// Codes [n, levels]. Throws Error for vectors of other dims, or NaN.
  IntMatrix encode(const VectorSource& vectors, const ProgressFunction& progress = {}) const;
  /// Vectors [n, dims] of codes [n, levels or more]; of the first `levels` codes alone, where
  /// given. Throws Error for a code that no codebook has.
  Matrix decode(const IntMatrix& codes, std::optional<std::size_t> levels = {}) const;

  /// One .safetensors file. `load` throws Error that names it if it is damaged or newer.
  void save(const fs::path& file) const;
  static SemanticTokenizer load(const fs::path& file);

 private:
  Quantizer quantizer_ = Quantizer::residual;
  std::size_t dims_ = 0, beam_ = 1;
  AdditiveCodes codes_;
  Matrix rotation_;        ///< [dims, dims]: z = x · rotation; empty: none
  Mlp encoder_, decoder_;  ///< without layers: none
  float scale_ = 1.0F;     ///< what the encoder reads is scale · x
};

}  // namespace tessera
