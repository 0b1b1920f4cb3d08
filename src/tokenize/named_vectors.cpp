#include "tokenize/named_vectors.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/safetensors.h"
#include "data/dataset.h"
#include "data/vectors.h"
#include "text/tfidf_encoder.h"

namespace tessera {
namespace {

void check_ids(const std::vector<std::string>& ids, const std::string& where) {
  std::unordered_set<std::string_view> known;
  for (const std::string& id : ids) {
    if (id.empty()) fail("{}: an id is empty", where);
    if (!known.insert(id).second) fail("{}: item '{}' is there twice", where, id);
  }
}

std::vector<std::string> numbered(std::size_t rows) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < rows; ++i) ids.push_back(std::to_string(i));
  return ids;
}

NamedVectors held(std::vector<std::string> ids, Matrix rows, const std::string& name) {
  NamedVectors vectors;
  vectors.ids = std::move(ids);
  vectors.memory = std::make_shared<const Matrix>(std::move(rows));
  vectors.source = vectors_in_memory(*vectors.memory, name);
  return vectors;
}

// Rows that come one by one under their ids.
struct Collected {
  std::vector<std::string> ids;
  std::vector<float> values;
  std::size_t dims = 0;

  void add(std::string_view id, std::span<const float> vector, const std::string& where) {
    if (vector.empty()) fail("{}: the vector is empty", where);
    if (ids.empty()) dims = vector.size();
    if (vector.size() != dims) {
      fail("{}: {} numbers, but the vectors before have {}", where, vector.size(), dims);
    }
    ids.emplace_back(id);
    values.insert(values.end(), vector.begin(), vector.end());
  }

  NamedVectors take(const fs::path& file) {
    if (ids.empty()) fail("{}: holds no vectors", file.string());
    check_ids(ids, file.string());
    Matrix rows(ids.size(), dims);
    std::ranges::copy(values, rows.span().begin());
    return held(std::move(ids), std::move(rows), file.string());
  }
};

NamedVectors of_jsonl(const fs::path& file) {
  Collected collected;
  for_each_vector_line(file, [&](std::string_view id, std::span<const float> vector,
                                 const std::string& where) { collected.add(id, vector, where); });
  return collected.take(file);
}

NamedVectors with_ids(NamedVectors vectors, const fs::path& file, const fs::path& ids) {
  const std::size_t rows = vectors.source.rows;
  vectors.ids = ids.empty() ? numbered(rows) : read_lines_beside(ids, rows, "ids");
  if (!ids.empty()) check_ids(vectors.ids, ids.string());
  if (vectors.source.dims == 0) fail("{}: the vectors have no columns", file.string());
  return vectors;
}

NamedVectors of_safetensors(const fs::path& file, const fs::path& ids) {
  const SafeTensors tensors = SafeTensors::mapped(file);
  const auto& all = tensors.tensors();
  if (all.size() == 1 && all.begin()->second.shape.size() == 2) {
    return with_ids(held({}, tensors.matrix(all.begin()->first), file.string()), file, ids);
  }
  if (!ids.empty()) {
    fail("{}: holds {} tensors; with --ids it must hold one matrix", file.string(), all.size());
  }
  Collected collected;
  for (const auto& [name, tensor] : all) {
    const std::string where = fmt::format("{}: tensor '{}'", file.string(), name);
    if (tensor.shape.size() != 1) {
      fail("{}: {} dimensions; give a vector for each item, or one matrix", where,
           tensor.shape.size());
    }
    collected.add(name, tensors.matrix(name).span(), where);
  }
  return collected.take(file);
}

Matrix encode(const std::vector<std::string_view>& texts, const std::string& name) {
  const TfidfOptions options;
  const TfidfEncoder encoder = TfidfEncoder::fit(texts, options);
  if (encoder.vocabulary.terms.empty()) {
    fail("{}: no word stands in {} texts or more, so that there is nothing to tell them apart by",
         name, options.min_df);
  }
  return encoder.encode(texts);
}

}  // namespace

std::vector<std::string> read_lines_beside(const fs::path& file, std::size_t rows,
                                           const char* what) {
  std::vector<std::string> lines;
  for_each_line(read_file(file),
                [&](std::string_view line, std::size_t) { lines.emplace_back(line); });
  if (lines.size() != rows) {
    fail("{}: {} {} for {} vectors; give one a line", file.string(), lines.size(), what, rows);
  }
  return lines;
}

NamedVectors read_named_vectors(const fs::path& file, const fs::path& ids) {
  const std::string extension = file.extension().string();
  if (extension == ".npy") {
    NamedVectors vectors;
    vectors.source = vectors_of_npy(file);
    return with_ids(std::move(vectors), file, ids);
  }
  if (extension == ".safetensors") return of_safetensors(file, ids);
  if (extension == ".jsonl" || extension == ".json") {
    if (!ids.empty()) fail_usage("--ids belongs to a matrix: JSON lines have their ids");
    return of_jsonl(file);
  }
  fail_usage("{}: vectors are read from .npy, .safetensors and .jsonl files", file.string());
}

NamedVectors encode_texts(std::vector<std::string> texts, std::vector<std::string> ids) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  if (ids.empty()) ids = numbered(texts.size());
  check_ids(ids, "ids");
  NamedVectors vectors = held(std::move(ids), encode(views, "texts"), "texts");
  vectors.titles = std::move(texts);
  return vectors;
}

NamedVectors vectors_of_dataset(const fs::path& directory) {
  const Dataset data = read_dataset(directory);
  NamedVectors vectors;
  if (fs::exists(directory / kEmbeddingsFile)) {
    vectors.source = vectors_of_npy(directory / kEmbeddingsFile);
    if (vectors.source.rows != data.items.size()) {
      read_embeddings(directory, data.items.size(), {.count = 1});  // says what is wrong
    }
  } else {
    std::vector<std::string_view> texts;
    for (const CatalogueItem& item : data.items) texts.emplace_back(item.text);
    vectors = held({}, encode(texts, directory.string()), directory.string());
  }
  for (const CatalogueItem& item : data.items) {
    vectors.ids.push_back(item.id);
    vectors.titles.push_back(item.title);
  }
  return vectors;
}

std::vector<std::string> labels_of_dataset(const fs::path& directory,
                                           const std::string& attribute) {
  const Dataset data = read_dataset(directory);
  const std::size_t column = data.attributes.number_of(attribute);
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    const AttributeValue value = data.attributes.value(column, static_cast<std::int32_t>(i));
    const auto* words = std::get_if<std::vector<std::string>>(&value);
    if (words != nullptr) {
      labels.push_back(words->empty() ? "" : words->front());
    } else {
      labels.push_back(std::holds_alternative<std::monostate>(value) ? "" : json_of(value));
    }
  }
  return labels;
}

NamedVectors name_vectors(Matrix rows, std::vector<std::string> ids) {
  if (ids.empty()) ids = numbered(rows.rows());
  if (ids.size() != rows.rows()) {
    fail("{} ids for {} vectors; give one each", ids.size(), rows.rows());
  }
  check_ids(ids, "ids");
  return held(std::move(ids), std::move(rows), "vectors");
}

}  // namespace tessera
