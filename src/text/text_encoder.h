#pragma once
#include <variant>

#include "text/sentence_encoder.h"
#include "text/tfidf_encoder.h"

namespace tessera {

/// What made a catalogue's embeddings, and makes those of new items' texts.
class TextEncoder {
 public:
  TextEncoder(TfidfEncoder encoder) : encoder_(std::move(encoder)) {}     // NOLINT: is one
  TextEncoder(SentenceEncoder encoder) : encoder_(std::move(encoder)) {}  // NOLINT: is one

  std::size_t dims() const;
  /// [texts, dims]; a text of which the encoder knows nothing is a zero row.
  Matrix encode(std::span<const std::string_view> texts,
                const ProgressFunction& progress = {}) const;

  /// One .safetensors file. `load` throws Error naming the file if it is damaged or newer.
  void save(const fs::path& file) const;
  static TextEncoder load(const fs::path& file);

 private:
  std::variant<TfidfEncoder, SentenceEncoder> encoder_;
};

}  // namespace tessera
