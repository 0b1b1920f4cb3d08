#include "data/vectors.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/npy.h"
#include "base/safetensors.h"

namespace tessera {
namespace {

/// Takes vectors in any order.
class VectorCollector {
 public:
  explicit VectorCollector(const std::vector<CatalogueItem>& items)
      : items_(items), numbers_(number_by_id(items)), met_(items.size()) {}

  /// `where` names the place of the id in a file.
  std::int32_t number(std::string_view id, const std::string& where) const {
    const auto found = numbers_.find(id);
    if (found == numbers_.end()) {
      fail("{}: item '{}' is not in the catalogue; remove its row or prepare the data again", where,
           id);
    }
    return found->second;
  }

  void add(std::int32_t item, std::span<const float> vector, const std::string& where) {
    const auto row = static_cast<std::size_t>(item);
    if (result_.rows.rows() == 0) {
      if (vector.empty()) fail("{}: the embeddings have no columns", where);
      result_.rows = Matrix(items_.size(), vector.size());
    }
    if (vector.size() != result_.rows.cols()) {
      fail("{}: {} numbers, but the vectors before have {}", where, vector.size(),
           result_.rows.cols());
    }
    if (met_[row]) {
      fail("{}: item '{}' has a row already; keep one of them", where, items_[row].id);
    }
    if (!std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) {
      fail("{} holds NaN or Inf; correct the embeddings", where);
    }
    met_[row] = true;
    std::ranges::copy(vector, result_.rows[row]);
  }

  ItemVectors take(const std::string& name) {
    if (result_.rows.size() == 0) fail("{}: holds no vectors", name);
    result_.without_vector = static_cast<std::size_t>(std::ranges::count(met_, false));
    return std::move(result_);
  }

 private:
  const std::vector<CatalogueItem>& items_;
  ItemNumbers numbers_;
  std::vector<bool> met_;
  ItemVectors result_;
};

/// Rows that belong to the numbers of items, or, without any, to the items in their order.
ItemVectors collect_rows(VectorCollector& collector, MatrixView<const float> rows,
                         std::span<const std::int32_t> numbers, const std::string& name) {
  for (std::size_t i = 0; i < rows.rows; ++i) {
    collector.add(numbers.empty() ? static_cast<std::int32_t>(i) : numbers[i], rows.row(i),
                  fmt::format("{}: row {}", name, i));
  }
  return collector.take(name);
}

/// Rows that belong to the lines of `ids`, or of items.jsonl.
ItemVectors collect_rows(const Matrix& rows, const fs::path& file, const fs::path& ids,
                         const std::vector<CatalogueItem>& items) {
  if (rows.cols() == 0) fail("{}: the embeddings have no columns", file.string());
  VectorCollector collector(items);
  std::vector<std::int32_t> numbers;
  if (!ids.empty()) {
    for_each_line(read_file(ids), [&](std::string_view id, std::size_t line) {
      numbers.push_back(collector.number(id, fmt::format("{}:{}", ids.string(), line)));
    });
    if (rows.rows() != numbers.size()) {
      fail("{}: {} rows for the {} ids of {}; give one id a row", file.string(), rows.rows(),
           numbers.size(), ids.string());
    }
  } else if (rows.rows() != items.size()) {
    fail("{}: {} rows for {} items; give a row for each line of items.jsonl, or --ids",
         file.string(), rows.rows(), items.size());
  }
  return collect_rows(collector, rows, numbers, file.string());
}

}  // namespace

ItemVectors take_vectors(MatrixView<const float> rows,
                         const std::optional<std::vector<std::string>>& ids,
                         const std::vector<CatalogueItem>& items, const std::string& name) {
  if (rows.cols == 0) fail("{}: the embeddings have no columns", name);
  const std::size_t wanted = ids ? ids->size() : items.size();
  if (rows.rows != wanted) {
    fail("{}: {} rows for {} {}; give a row for each", name, rows.rows, wanted,
         ids ? "ids" : "items of the dataset");
  }
  VectorCollector collector(items);
  std::vector<std::int32_t> numbers;
  for (std::size_t i = 0; ids && i < ids->size(); ++i) {
    numbers.push_back(collector.number((*ids)[i], fmt::format("{}: row {}", name, i)));
  }
  return collect_rows(collector, rows, numbers, name);
}

ItemVectors read_npy_vectors(const fs::path& file, const fs::path& ids,
                             const std::vector<CatalogueItem>& items) {
  return collect_rows(read_npy(file), file, ids, items);
}

ItemVectors read_safetensors_vectors(const fs::path& file, const fs::path& ids,
                                     const std::vector<CatalogueItem>& items) {
  const SafeTensors tensors = SafeTensors::mapped(file);
  const auto& all = tensors.tensors();
  if (all.size() == 1 && all.begin()->second.shape.size() == 2) {
    return collect_rows(tensors.matrix(all.begin()->first), file, ids, items);
  }
  if (!ids.empty()) {
    fail("{}: holds {} tensors; with --ids it must hold one matrix", file.string(), all.size());
  }
  VectorCollector collector(items);
  for (const auto& [name, tensor] : all) {
    const std::string where = fmt::format("{}: tensor '{}'", file.string(), name);
    if (tensor.shape.size() != 1) {
      fail("{}: {} dimensions; give a vector for each item, or one matrix", where,
           tensor.shape.size());
    }
    collector.add(collector.number(name, where), tensors.matrix(name).span(), where);
  }
  return collector.take(file.string());
}

void for_each_vector_line(
    const fs::path& file,
    const std::function<void(std::string_view id, std::span<const float> vector,
                             const std::string& where)>& body) {
  const MappedFile mapped = map_file(file);
  if (mapped.content.starts_with("\x1f\x8b")) {
    fail("{}: is compressed: unpack it first", file.string());
  }
  simdjson::dom::parser parser;
  std::vector<float> vector;
  for_each_line(mapped.content, [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", file.string(), number);
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    simdjson::dom::object object;
    if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS) {
      fail("{}: not a JSON object: {{\"id\": …, \"vector\": […]}} is needed", where);
    }
    const simdjson::dom::element id = [&] {
      simdjson::dom::element found;
      if (object["id"].get(found) != simdjson::SUCCESS) fail("{}: field 'id' is missing", where);
      return found;
    }();
    std::string_view name;
    std::int64_t whole = 0;
    std::string digits;
    if (id.get(whole) == simdjson::SUCCESS) {
      name = digits = std::to_string(whole);
    } else if (id.get(name) != simdjson::SUCCESS) {
      fail("{}: field 'id' must be a string or a whole number", where);
    }
    simdjson::dom::array array;
    if (object["vector"].get(array) != simdjson::SUCCESS &&
        object["embedding"].get(array) != simdjson::SUCCESS) {
      fail("{}: field 'vector' must be an array of numbers", where);
    }
    vector.clear();
    for (const simdjson::dom::element element : array) {
      double value = 0.0;
      if (element.get(value) != simdjson::SUCCESS) {
        fail("{}: field 'vector' holds what is not a number", where);
      }
      vector.push_back(static_cast<float>(value));
    }
    body(name, vector, where);
  });
}

ItemVectors read_jsonl_vectors(const fs::path& file, const std::vector<CatalogueItem>& items) {
  VectorCollector collector(items);
  for_each_vector_line(
      file, [&](std::string_view id, std::span<const float> vector, const std::string& where) {
        collector.add(collector.number(id, where), vector, where);
      });
  return collector.take(file.string());
}

}  // namespace tessera
