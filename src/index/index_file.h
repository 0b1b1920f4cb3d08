#pragma once
#include "index/item_index.h"

namespace tessera {

/// The index's file in a bundle.
inline constexpr const char* kIndexFile = "index.safetensors";

/// Builds the index of a trained model's catalogue; items have their catalogue numbers. Throws
/// Error if a value is not finite or beyond kLargestValue.
std::unique_ptr<ItemIndex> build_index(const Recommender& model, const Catalogue& catalogue);
/// Builds it and writes it into the bundle, atomically, with a fingerprint of what it was built of.
/// Returns the bytes an item takes in memory.
double write_index(const fs::path& bundle, const Recommender& model, const Catalogue& catalogue);
/// The index of this file if it is of this very model, null if it is of another or of another
/// version of Tessera. Throws Error that names the file if it is missing or damaged.
std::unique_ptr<ItemIndex> read_index(const fs::path& file, const Recommender& model,
                                      const Catalogue& catalogue);
/// The bundle's index: read from its file if that is there and of this very model, and built
/// otherwise. Throws Error that names the file if it is damaged.
std::unique_ptr<ItemIndex> open_index(const fs::path& bundle, const Recommender& model,
                                      const Catalogue& catalogue);
/// Of the tensors of an index's file: a changed byte would give other lists without a word.
std::string index_checksum(const std::map<std::string, Tensor>& tensors);

}  // namespace tessera
