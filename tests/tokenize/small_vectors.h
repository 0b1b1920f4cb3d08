#pragma once
#include <cmath>

#include "base/random.h"
#include "tokenize/tokenizer.h"

namespace tessera::testing {

/// Vectors around some centres, as items of a shop lie: [rows, dims].
inline Matrix clustered(std::size_t rows, std::size_t dims, std::size_t clusters,
                        std::uint64_t seed = 1) {
  Random random(seed);
  Matrix centres(clusters, dims), x(rows, dims);
  for (float& value : centres.span()) value = static_cast<float>(random.normal());
  for (std::size_t i = 0; i < rows; ++i) {
    const float* centre = centres[random.below(clusters)];
    for (std::size_t d = 0; d < dims; ++d) {
      x[i][d] = centre[d] + 0.3F * static_cast<float>(random.normal());
    }
  }
  return x;
}

inline TokenizerOptions small_options(Quantizer quantizer, std::vector<std::size_t> sizes) {
  TokenizerOptions options;
  options.quantizer = quantizer;
  options.sizes = std::move(sizes);
  options.rounds = 10;
  options.updates = 60;
  options.code_dims = 8;
  return options;
}

/// Mean squared error of what codes of the tokenizer stand for.
inline double error_of(const SemanticTokenizer& tokenizer, const Matrix& x) {
  const Matrix decoded = tokenizer.decode(tokenizer.encode(vectors_in_memory(x)));
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += std::pow(double{x.span()[i]} - decoded.span()[i], 2);
  }
  return sum / static_cast<double>(x.rows());
}

}  // namespace tessera::testing
