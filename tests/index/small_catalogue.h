#pragma once
#include <algorithm>
#include <map>

#include "base/random.h"
#include "index/item_index.h"

namespace tessera::testing {

/// Tables, codes and ID vectors drawn at random; states score them through a random linear map.
struct SmallCatalogue {
  ScoringTables tables;
  std::vector<std::int32_t> codes;  ///< [items, levels]
  Matrix ids;                       ///< [items, ID dims]

  struct Shape {
    std::size_t items = 1000, levels = 3, codebook_size = 16, id_dims = 8, width = 10;
  };
  explicit SmallCatalogue(const Shape& shape, std::uint64_t seed = 1)
      : ids(shape.items, shape.id_dims), random_(seed, {shape.items, shape.levels, shape.id_dims}) {
    tables.levels = shape.levels;
    tables.codebook_size = shape.codebook_size;
    tables.tables = Matrix(shape.width, shape.levels * shape.codebook_size);
    tables.id_map = Matrix(shape.id_dims, shape.width);
    tables.id_offset.resize(shape.id_dims);
    for (float& x : tables.tables.span()) x = normal();
    for (float& x : tables.id_map.span()) x = normal();
    for (float& x : tables.id_offset) x = normal();
    for (std::size_t i = 0; i < shape.items * shape.levels; ++i) {
      codes.push_back(static_cast<std::int32_t>(random_.below(shape.codebook_size)));
    }
    for (float& x : ids.span()) x = normal();
    orient(tables, states(50));
  }

  std::size_t items() const { return ids.rows(); }
  float normal() { return static_cast<float>(random_.normal()); }
  std::size_t below(std::size_t bound) { return random_.below(bound); }
  Matrix states(std::size_t count) {
    Matrix states(count, tables.width());
    for (float& x : states.span()) x = normal();
    return states;
  }
  std::span<const std::int32_t> codes_of(std::size_t item) const {
    return std::span(codes).subspan(item * tables.levels, tables.levels);
  }
  Segment segment() const {
    std::vector<std::int32_t> numbers(items());
    std::iota(numbers.begin(), numbers.end(), 0);
    return {tables, numbers, codes, ids};
  }
  std::unique_ptr<ItemIndex> index() const {
    return std::make_unique<ItemIndex>(copy_of_tables(), segment());
  }

 private:
  ScoringTables copy_of_tables() const {
    ScoringTables copy;
    copy.levels = tables.levels;
    copy.codebook_size = tables.codebook_size;
    copy.tables = tables.tables.clone();
    copy.id_map = tables.id_map.clone();
    copy.id_offset = tables.id_offset;
    copy.id_axes = tables.id_axes.clone();
    copy.axis_weights = tables.axis_weights;
    copy.code_bytes = tables.code_bytes;
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

/// The item vector of the published formula, in the states' space: the rows of its codes plus the
/// ID vector through the map, scored by a plain inner product in double precision.
inline double plain_score(const ScoringTables& tables, std::span<const float> state,
                          const PlainItem& item) {
  double score = 0.0;
  for (std::size_t w = 0; w < state.size(); ++w) {
    double component = 0.0;
    for (std::size_t l = 0; l < item.codes.size(); ++l) {
      component += double{
          tables.tables[w][l * tables.codebook_size + static_cast<std::size_t>(item.codes[l])]};
    }
    for (std::size_t d = 0; d < item.id.size(); ++d) {
      component += double{tables.id_map[d][w]} * double{item.id[d]};
    }
    score += component * double{state[w]};
  }
  for (std::size_t d = 0; d < item.id.size(); ++d) {
    score += double{tables.id_offset[d]} * double{item.id[d]};
  }
  return score;
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
