#pragma once
#include <variant>

#include "text/sentence_encoder.h"
#include "text/tfidf_encoder.h"

namespace tessera {

/// The words of a text, and those of them that an encoder does not know.
struct WordCount {
  std::size_t words = 0;
  std::size_t unknown = 0;
};

/// What made a catalogue's embeddings, and makes those of new items' texts.
class TextEncoder {
 public:
  TextEncoder(TfidfEncoder encoder) : encoder_(std::move(encoder)) {}     // NOLINT: is one
  TextEncoder(SentenceEncoder encoder) : encoder_(std::move(encoder)) {}  // NOLINT: is one

  std::size_t dims() const;
  /// [texts, dims]; a text of which the encoder knows nothing is a zero row.
  Matrix encode(std::span<const std::string_view> texts,
                const ProgressFunction& progress = {}) const;

  /// How much of a text it reads; a sentence encoder reads parts of words, and so all of them.
  WordCount count_words(std::string_view text) const;

  /// One .safetensors file. `load` throws Error naming the file if it is damaged or newer.
  void save(const fs::path& file) const;
  static TextEncoder load(const fs::path& file);

 private:
  std::variant<TfidfEncoder, SentenceEncoder> encoder_;
};

}  // namespace tessera
