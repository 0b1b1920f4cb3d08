#pragma once

namespace tessera {

/// A text encoder's file, of any kind, in dataset directories and bundles.
inline constexpr const char* kTextEncoderFile = "text_encoder.safetensors";

/// Its format: the metadata hold this as "format_version" beside "kind".
inline constexpr const char* kTextEncoderVersion = "1";
inline constexpr const char* kTfidfKind = "tfidf-svd";
inline constexpr const char* kSentenceKind = "sentence";

}  // namespace tessera
