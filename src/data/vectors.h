#pragma once
#include <optional>

#include "data/dataset.h"

namespace tessera {

/// Embeddings made elsewhere, brought to the catalogue's order.
struct ItemVectors {
  Matrix rows;  ///< [items, dims]; zeros where an item has no vector
  std::size_t without_vector = 0;
};

/// Takes vectors [n, dims] of whoever made them, called `name` in messages: row i belongs to the
/// item whose id is ids[i], or, where `ids` is none, to item i. Throws Error for NaN or Inf,
/// another number of rows, unknown items and items that are there twice.
ItemVectors take_vectors(MatrixView<const float> rows,
                         const std::optional<std::vector<std::string>>& ids,
                         const std::vector<CatalogueItem>& items, const std::string& name);

/// Each reads vectors from a file and throws Error that names it, with the line, row or tensor, for
/// NaN or Inf, vectors of different lengths, unknown items and items that have a vector already.

/// A .npy array [n, dims]. Row i belongs to the item whose id is line i of the file `ids`, or,
/// where `ids` is empty, to line i of items.jsonl.
ItemVectors read_npy_vectors(const fs::path& file, const fs::path& ids,
                             const std::vector<CatalogueItem>& items);
/// One matrix, whose rows belong to items as in a .npy file; or, without `ids`, a vector for each
/// item, the tensor's name being the item's id.
ItemVectors read_safetensors_vectors(const fs::path& file, const fs::path& ids,
                                     const std::vector<CatalogueItem>& items);
/// Calls body(id, vector, where) for each line of such a file as the next function reads; `where`
/// is the file and line. Throws Error for a line that is none.
void for_each_vector_line(
    const fs::path& file,
    const std::function<void(std::string_view id, std::span<const float> vector,
                             const std::string& where)>& body);
/// A JSON object a line: {"id": "…" or a whole number, "vector": [numbers]}; "embedding" serves as
/// well for "vector", and other fields are passed over.
ItemVectors read_jsonl_vectors(const fs::path& file, const std::vector<CatalogueItem>& items);

}  // namespace tessera
