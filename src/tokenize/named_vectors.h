#pragma once
#include <memory>
#include <vector>

#include "tokenize/vector_source.h"

namespace tessera {

/// Vectors of items, with what is known of these.
struct NamedVectors {
  std::vector<std::string> ids;
  std::vector<std::string> titles;  ///< or empty
  VectorSource source;
  std::shared_ptr<const Matrix> memory;  ///< of the source, where it is no file
};

/// A .npy array, a .safetensors file (one matrix, or a vector for each item by its id), or JSON
/// lines with "id" and "vector", as the name ends or the content tells. Rows of a matrix are called
/// as the lines of `ids` or, without it, by their numbers from 0. Throws Error that names the file
/// and what is wrong with it, an id that is there twice included.
NamedVectors read_named_vectors(const fs::path& file, const fs::path& ids = {});

/// What the built-in text encoder, fitted to them, makes of texts; they are the titles. Without ids
/// they are called by their numbers.
NamedVectors encode_texts(std::vector<std::string> texts, std::vector<std::string> ids = {});

/// The items of a dataset with their embeddings or, where it has none, what the built-in text
/// encoder makes of their texts.
NamedVectors vectors_of_dataset(const fs::path& directory);

/// What an attribute holds for each item of a dataset, the first of several labels, "" for nothing.
std::vector<std::string> labels_of_dataset(const fs::path& directory, const std::string& attribute);

/// Rows in memory under these ids. Throws Error for an id that is there twice.
NamedVectors name_vectors(Matrix rows, std::vector<std::string> ids);

/// The lines of a file, one for each of `rows` items; what they are in words, for messages.
std::vector<std::string> read_lines_beside(const fs::path& file, std::size_t rows,
                                           const char* what);

}  // namespace tessera
