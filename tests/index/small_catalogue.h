#pragma once
#include <algorithm>
#include <map>
#include <numeric>

#include "base/random.h"
#include "index/item_index.h"

namespace tessera::testing {

/// Tables, codes and ID vectors drawn at random. Rows of all places and ID vectors lie over each
/// other in the item vector.
struct SmallCatalogue {
  ScoringTables tables;
  std::vector<std::int32_t> codes;  ///< [items, places]
  Matrix ids;                       ///< [items, ID dims]

  struct Shape {
    std::size_t items = 1000, places = 3, codebook_size = 16, id_dims = 8, width = 10;
  };
  explicit SmallCatalogue(const Shape& shape, std::uint64_t seed = 1)
      : ids(shape.items, shape.id_dims), random_(seed, {shape.items, shape.places, shape.id_dims}) {
    tables.width = std::max(shape.width, shape.id_dims);
    tables.codebook_size = shape.codebook_size;
    tables.id_dims = shape.id_dims;
    tables.id_column = tables.width - shape.id_dims;
    for (std::size_t l = 0; l < shape.places; ++l) {
      const std::size_t column = l % 2 * (tables.width / 2);
      tables.places.push_back({Matrix(tables.width - column, shape.codebook_size), column});
      for (float& x : tables.places.back().vectors.span()) x = normal();
    }
    for (std::size_t i = 0; i < shape.items * shape.places; ++i) {
      codes.push_back(static_cast<std::int32_t>(random_.below(shape.codebook_size)));
    }
    for (float& x : ids.span()) x = normal();
  }

  std::size_t items() const { return ids.rows(); }
  float normal() { return static_cast<float>(random_.normal()); }
  std::size_t below(std::size_t bound) { return random_.below(bound); }
  Matrix states(std::size_t count) {
    Matrix states(count, tables.width);
    for (float& x : states.span()) x = normal();
    return states;
  }
  std::span<const std::int32_t> codes_of(std::size_t item) const {
    return std::span(codes).subspan(item * tables.places.size(), tables.places.size());
  }
  /// Item vectors in single precision, as a catalogue has them. [items, width]
  Matrix vectors() const {
    Matrix result(items(), tables.width);
    std::vector<double> vector(tables.width);
    for (std::size_t i = 0; i < items(); ++i) {
      token_vector(tables, codes_of(i), ids.view().row(i), vector);
      for (std::size_t w = 0; w < tables.width; ++w) result[i][w] = static_cast<float>(vector[w]);
    }
    return result;
  }
  ScoreSpace space() const {
    Random random(9);
    Matrix states(50, tables.width);
    for (float& x : states.span()) x = static_cast<float>(random.normal());
    return {copy_of_tables(), score_axes(tables.width, vectors(), states)};
  }
  Segment segment(const ScoreSpace& space) const {
    std::vector<std::int32_t> numbers(items());
    std::iota(numbers.begin(), numbers.end(), 0);
    return {space, numbers, codes, ids};
  }
  std::unique_ptr<ItemIndex> index() const {
    ScoreSpace shared = space();
    Segment all = segment(shared);
    return std::make_unique<ItemIndex>(std::move(shared), std::move(all));
  }

 private:
  ScoringTables copy_of_tables() const {
    ScoringTables copy;
    copy.width = tables.width;
    copy.codebook_size = tables.codebook_size;
    copy.id_dims = tables.id_dims;
    copy.id_column = tables.id_column;
    for (const auto& place : tables.places)
      copy.places.push_back({place.vectors.clone(), place.column});
    return copy;
  }
  Random random_;
};

/// What brute force needs of an item.
struct PlainItem {
  std::vector<std::int32_t> codes;
  std::vector<float> id;
};
using PlainItems = std::map<std::int32_t, PlainItem>;

inline PlainItems plain_items(const SmallCatalogue& catalogue) {
  PlainItems items;
  for (std::size_t i = 0; i < catalogue.items(); ++i) {
    const auto codes = catalogue.codes_of(i);
    const auto id = catalogue.ids.view().row(i);
    items[static_cast<std::int32_t>(i)] = {{codes.begin(), codes.end()}, {id.begin(), id.end()}};
  }
  return items;
}

/// The published formula: the item vector is the sum of the rows of its codes and of its ID vector,
/// its score a plain inner product in double precision.
inline double plain_score(const ScoringTables& tables, std::span<const float> state,
                          const PlainItem& item) {
  std::vector<double> vector(tables.width);
  for (std::size_t l = 0; l < item.codes.size(); ++l) {
    const auto& [vectors, column] = tables.places[l];
    for (std::size_t d = 0; d < vectors.rows(); ++d) {
      vector[column + d] += double{vectors[d][item.codes[l]]};
    }
  }
  for (std::size_t d = 0; d < item.id.size(); ++d) {
    vector[tables.id_column + d] += double{item.id[d]};
  }
  return std::inner_product(vector.begin(), vector.end(), state.begin(), 0.0);
}

/// The k best by sorting everything that passes.
inline std::vector<std::pair<double, std::int32_t>> plain_best(
    const ScoringTables& tables, const PlainItems& items, std::span<const float> state,
    std::size_t k, const std::function<bool(std::int32_t)>& passes) {
  std::vector<std::pair<double, std::int32_t>> best;
  for (const auto& [number, item] : items) {
    if (!passes(number)) continue;
    best.emplace_back(plain_score(tables, state, item), number);
  }
  std::ranges::sort(best, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  best.resize(std::min(k, best.size()));
  return best;
}

}  // namespace tessera::testing
