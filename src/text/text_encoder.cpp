#include "text/text_encoder.h"

#include "base/error.h"
#include "text/words.h"

namespace tessera {

std::size_t TextEncoder::dims() const {
  if (const auto* sentence = std::get_if<SentenceEncoder>(&encoder_)) return sentence->dims();
  return std::get<TfidfEncoder>(encoder_).dims;
}

Matrix TextEncoder::encode(std::span<const std::string_view> texts,
                           const ProgressFunction& progress) const {
  if (const auto* sentence = std::get_if<SentenceEncoder>(&encoder_)) {
    return sentence->encode(texts, progress);
  }
  return std::get<TfidfEncoder>(encoder_).encode(texts);
}

WordCount TextEncoder::count_words(std::string_view text) const {
  WordCount count;
  const auto* tfidf = std::get_if<TfidfEncoder>(&encoder_);
  for (const std::string& word : split_words(text)) {
    ++count.words;
    count.unknown += tfidf != nullptr && !tfidf->vocabulary.numbers.contains(word) ? 1 : 0;
  }
  return count;
}

void TextEncoder::save(const fs::path& file) const {
  std::visit([&](const auto& encoder) { encoder.save(file); }, encoder_);
}

TextEncoder TextEncoder::load(const fs::path& file) {
  const SafeTensors tensors(file);
  const auto metadata = [&](const char* key) {
    const auto found = tensors.metadata().find(key);
    return found == tensors.metadata().end() ? std::string() : found->second;
  };
  const std::string kind = metadata("kind");
  // Version 1 was once without a kind.
  const bool tfidf = kind.empty() || kind == kTfidfKind;
  if (metadata("format_version") != kTextEncoderVersion || !(tfidf || kind == kSentenceKind)) {
    fail("{}: not a text encoder of this version ({}): run 'tessera embed' again or update tessera",
         file.string(), kTextEncoderVersion);
  }
  if (tfidf) return TfidfEncoder::load(tensors);
  return SentenceEncoder::load(tensors);
}

}  // namespace tessera
