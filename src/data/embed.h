#pragma once
#include "data/dataset.h"
#include "text/text_encoder.h"

namespace tessera {

struct EmbedReport {
  std::size_t items = 0;
  std::size_t dims = 0;
  std::size_t zero_rows = 0;  ///< items without a text that the encoder knows
};

/// Fits the built-in encoder to the catalogue's texts and writes embeddings.npy and the encoder
/// into the dataset directory. Throws Error if no item has a text.
EmbedReport embed_by_text(const fs::path& directory, const TfidfOptions& options);

/// Embeddings from a .npy file [items, dims]. Its rows follow items.jsonl, or the ids of the file
/// `ids`, one a line; rows of unknown items are refused, items without a row get zeros. Throws
/// Error for the wrong number of rows, or NaN or Inf, naming the row.
EmbedReport embed_from_npy(const fs::path& directory, const fs::path& file, const fs::path& ids);

}  // namespace tessera
