#pragma once
#include <optional>

#include "data/dataset.h"
#include "text/tfidf_encoder.h"

namespace tessera {

struct EmbedReport {
  std::size_t items = 0;
  std::size_t dims = 0;
  /// Items whose embedding is zero: without a text that the encoder knows, or without a vector.
  std::size_t zero_rows = 0;
  std::size_t words = 0;         ///< of all texts, where an earlier encoder reads them …
  std::size_t unread_words = 0;  ///< … and those of them that it does not know
};

/// Fits the built-in encoder to the catalogue's texts and writes embeddings.npy and the encoder
/// into the dataset directory. `progress` is told of the embeddings. Throws Error if no item has a
/// text.
EmbedReport embed_by_text(const fs::path& directory, const TfidfOptions& options,
                          const ProgressFunction& progress = {});

/// As above by the encoder of an earlier bundle or dataset, so that a model which was trained on
/// its embeddings can be trained on: vocabulary and basis stay, and words that are new are not
/// read. Throws Error if `from` keeps no encoder.
EmbedReport embed_as(const fs::path& directory, const fs::path& from,
                     const ProgressFunction& progress = {});

/// As above by a pre-trained sentence encoder: see read_sentence_folder.
EmbedReport embed_by_folder(const fs::path& directory, const fs::path& folder,
                            const ProgressFunction& progress = {});

/// Takes embeddings made elsewhere: format "npy", "safetensors" or "jsonl" (see data/vectors.h).
/// The dataset keeps no text encoder then.
EmbedReport embed_from_file(const fs::path& directory, std::string_view format,
                            const fs::path& file, const fs::path& ids);

/// The same from memory: see take_vectors.
EmbedReport embed_vectors(const fs::path& directory, MatrixView<const float> rows,
                          const std::optional<std::vector<std::string>>& ids);

}  // namespace tessera
