#include "study/token_map.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "engine/plane.h"

namespace tessera {
namespace {

std::vector<std::size_t> uses_of(const Catalogue& catalogue, std::size_t level, std::size_t codes) {
  std::vector<std::size_t> uses(codes);
  for (std::size_t i = 0; i < catalogue.items(); ++i) {
    ++uses[static_cast<std::size_t>(catalogue.codes[i * catalogue.levels + level])];
  }
  return uses;
}

std::vector<CodeSample> samples_of(const Bundle& bundle, const std::vector<CodePlace>& codes,
                                   std::size_t samples, std::size_t titles) {
  std::vector<std::int32_t> order(codes.size());
  std::iota(order.begin(), order.end(), 0);
  // The most items first; equal ones by code.
  std::ranges::sort(order, {}, [&](std::int32_t code) {
    return std::pair(-static_cast<double>(codes[static_cast<std::size_t>(code)].items), code);
  });
  std::vector<CodeSample> result;
  for (const std::int32_t code : order) {
    CodeSample sample{code, codes[static_cast<std::size_t>(code)].items, {}};
    if (result.size() == samples || sample.items == 0) break;
    for (std::size_t i = 0; i < bundle.items.size() && sample.titles.size() < titles; ++i) {
      if (bundle.catalogue.codes[i * bundle.catalogue.levels] != code) continue;
      const CatalogueItem& item = bundle.items[i];
      sample.titles.push_back(item.title.empty() ? item.id : item.title);
    }
    result.push_back(std::move(sample));
  }
  return result;
}

}  // namespace

TokenMap token_map(const Bundle& bundle, std::size_t samples, std::size_t titles) {
  const Catalogue& catalogue = bundle.catalogue;
  TokenMap map;
  for (const ResidualQuantizer::Level& level : bundle.model.item_encoder.quantizer.levels) {
    const MatrixView<const float> rows = level.codebook.view();
    const Plane plane = principal_plane(rows);
    const std::vector<std::size_t> uses = uses_of(catalogue, map.levels.size(), rows.rows);
    std::vector<CodePlace> places(rows.rows);
    for (std::size_t c = 0; c < rows.rows; ++c) places[c] = {plane.place(rows.row(c)), uses[c]};
    map.levels.push_back(std::move(places));
  }
  if (map.levels.empty()) return map;
  const Plane plane = principal_plane(catalogue.vectors.view());
  for (std::size_t i = 0; i < catalogue.items(); ++i) {
    map.items.push_back(
        plane.place(catalogue.vectors.view().row(static_cast<std::size_t>(catalogue.rows[i]))));
    map.first_codes.push_back(catalogue.codes[i * catalogue.levels]);
  }
  map.samples = samples_of(bundle, map.levels[0], samples, titles);
  return map;
}

std::vector<double> code_hues(const TokenMap& map) {
  std::vector<std::array<double, 2>> sums(map.levels.empty() ? 0 : map.levels[0].size());
  for (std::size_t i = 0; i < map.items.size(); ++i) {
    std::array<double, 2>& sum = sums[static_cast<std::size_t>(map.first_codes[i])];
    sum[0] += map.items[i][0];
    sum[1] += map.items[i][1];
  }
  std::vector<double> hues;
  for (const auto& [x, y] : sums) {
    const double degrees = std::atan2(y, x) * 180 / std::numbers::pi;
    hues.push_back(degrees < 0 ? degrees + 360 : degrees);
  }
  return hues;
}

}  // namespace tessera
