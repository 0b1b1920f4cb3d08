#pragma once
#include "base/half.h"
#include "base/matrix.h"
#include "base/progress.h"
#include "base/safetensors.h"
#include "text/text_encoder_file.h"
#include "text/tfidf.h"

namespace tessera {

struct TfidfOptions {
  std::size_t dims = 768;
  std::size_t min_df = 2;
  std::size_t max_terms = 32768;
  std::uint64_t seed = 1;
  ProgressFunction progress = {};
};

/// Text → unit vector: TF-IDF of words and word pairs, projected onto the leading singular vectors
/// of the catalogue it was fitted on (latent semantic analysis, Deerwester et al. 1990).
struct TfidfEncoder {
  Vocabulary vocabulary;
  /// [terms, dims], in half precision as in the file: embeddings made after loading equal those
  /// made after fitting, and a service that encodes a text now and then holds half the memory.
  std::vector<Half> projection;
  std::size_t dims = 0;

  static TfidfEncoder fit(std::span<const std::string_view> texts, const TfidfOptions& options);
  /// Rows of unit length, [texts, dims]; a text without a known term is a zero row.
  Matrix encode(std::span<const std::string_view> texts) const;

  /// One .safetensors file. `load` throws Error naming the file if something is missing or does not
  /// fit.
  void save(const fs::path& file) const;
  static TfidfEncoder load(const SafeTensors& file);
};

}  // namespace tessera
