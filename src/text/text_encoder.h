#pragma once
#include "base/files.h"
#include "base/matrix.h"
#include "base/progress.h"
#include "text/tfidf.h"

namespace tessera {

/// Its file in dataset directories and bundles.
inline constexpr const char* kTextEncoderFile = "text_encoder.safetensors";

struct TextEncoderOptions {
  std::size_t dims = 768;
  std::size_t min_df = 2;
  std::size_t max_terms = 32768;
  std::uint64_t seed = 1;
  ProgressFunction progress = {};
};

/// Text → unit vector: TF-IDF of words and word pairs, projected onto the leading singular vectors
/// of the catalogue it was fitted on (latent semantic analysis, Deerwester et al. 1990).
struct TextEncoder {
  Vocabulary vocabulary;
  /// [terms, dims], in half precision as in the file: embeddings made after loading equal those
  /// made after fitting, and a service that encodes a text now and then holds half the memory.
  std::vector<_Float16> projection;
  std::size_t dims = 0;

  static TextEncoder fit(std::span<const std::string_view> texts,
                         const TextEncoderOptions& options);
  /// Rows of unit length, [texts, dims]; a text without a known term is a zero row.
  Matrix encode(std::span<const std::string_view> texts) const;

  /// One .safetensors file. `load` throws Error naming the file if it is damaged or newer.
  void save(const fs::path& file) const;
  static TextEncoder load(const fs::path& file);
};

}  // namespace tessera
