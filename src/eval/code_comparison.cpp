#include "eval/code_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kAssignedCodes = 2048;

std::span<const std::int32_t> codes_of(const Bundle& bundle, std::size_t item) {
  const std::size_t levels = bundle.catalogue.places;
  return std::span(bundle.catalogue.codes).subspan(item * levels, levels);
}

// Items of both: their numbers in the earlier and in the later model.
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

Pairs items_of_both(const Bundle& earlier, const Bundle& later) {
  const ItemNumbers numbers = number_by_id(earlier.items);
  Pairs pairs;
  for (std::size_t i = 0; i < later.items.size(); ++i) {
    const auto found = numbers.find(later.items[i].id);
    if (found != numbers.end()) pairs.emplace_back(static_cast<std::size_t>(found->second), i);
  }
  return pairs;
}

// The largest weights first, each row and column once.
std::vector<std::int32_t> greedy_assignment(
    std::size_t codes, const std::map<std::pair<std::int32_t, std::int32_t>, std::size_t>& counts) {
  std::vector<std::pair<std::size_t, std::pair<std::int32_t, std::int32_t>>> order;
  for (const auto& [names, count] : counts) order.emplace_back(count, names);
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<std::int32_t> to(codes, -1);
  std::vector<bool> taken(codes);
  for (const auto& [count, names] : order) {
    const auto from = static_cast<std::size_t>(names.first);
    const auto into = static_cast<std::size_t>(names.second);
    if (to[from] >= 0 || taken[into]) continue;
    to[from] = names.second;
    taken[into] = true;
  }
  std::int32_t next = 0;
  for (std::int32_t& name : to) {
    if (name >= 0) continue;
    while (taken[static_cast<std::size_t>(next)]) ++next;
    name = next++;
  }
  return to;
}

// The shared part of an item vector behind codes.
std::vector<double> shared_part(const Bundle& bundle, std::span<const std::int32_t> codes) {
  std::vector<double> vector(bundle.model.settings.shared_width());
  for (std::size_t l = 0; l < codes.size(); ++l) {
    const TokenTable table = bundle.model.item_encoder.token_table(l);
    const float* row = table.rows[static_cast<std::size_t>(codes[l])];
    for (std::size_t d = 0; d < table.rows.cols; ++d) vector[table.column + d] += row[d];
  }
  return vector;
}

double relative_distance(std::span<const double> from, std::span<const double> to) {
  double gap = 0.0, length = 0.0;
  for (std::size_t d = 0; d < to.size(); ++d) {
    gap += (from[d] - to[d]) * (from[d] - to[d]);
    length += to[d] * to[d];
  }
  return length > 0.0 ? std::sqrt(gap / length) : 0.0;
}

// Where each of the items of both went; counts what stayed.
void compare_items(const Bundle& earlier, const Bundle& later, const Pairs& pairs,
                   const std::vector<std::vector<std::int32_t>>& names, CodeComparison& result) {
  for (const auto& [before, after] : pairs) {
    const auto was = codes_of(earlier, before);
    const auto is = codes_of(later, after);
    MovedItem item{later.items[after].id, later.items[after].title, {}, {is.begin(), is.end()}};
    std::size_t semantic = 0;
    for (std::size_t l = 0; l < is.size(); ++l) {
      item.before.push_back(names[l][static_cast<std::size_t>(was[l])]);
      const bool kept = item.before[l] == is[l];
      result.levels[l].kept_as_named += was[l] == is[l] ? 1 : 0;
      result.levels[l].kept += kept ? 1 : 0;
      item.codes_changed += kept ? 0 : 1;
      semantic += !kept && l < result.semantic_levels ? 1 : 0;
    }
    result.kept_all += item.codes_changed == 0 ? 1 : 0;
    result.kept_semantic += semantic == 0 ? 1 : 0;
    if (item.codes_changed == 0) continue;
    item.distance = relative_distance(shared_part(later, item.before), shared_part(later, is));
    result.moved.push_back(std::move(item));
  }
  std::ranges::sort(result.moved, [](const MovedItem& a, const MovedItem& b) {
    return a.distance != b.distance ? a.distance > b.distance : a.id < b.id;
  });
}

void list_new_items(const Bundle& later, const Pairs& pairs, CodeComparison& result) {
  std::map<std::vector<std::int32_t>, std::size_t> known;
  std::vector<bool> common(later.items.size());
  const auto semantic = [&](std::size_t item) {
    const auto codes = codes_of(later, item).first(result.semantic_levels);
    return std::vector<std::int32_t>(codes.begin(), codes.end());
  };
  for (const auto& [before, after] : pairs) {
    common[after] = true;
    ++known[semantic(after)];
  }
  for (std::size_t i = 0; i < later.items.size(); ++i) {
    if (common[i]) continue;
    const auto codes = codes_of(later, i);
    const auto shared = known.find(semantic(i));
    result.added.push_back({later.items[i].id,
                            later.items[i].title,
                            {codes.begin(), codes.end()},
                            shared == known.end() ? 0 : shared->second});
  }
}

}  // namespace

// The Hungarian method with potentials, O(n³): shortest augmenting paths, a row at a time.
std::vector<std::int32_t> best_assignment(MatrixView<const float> weights) {
  const std::size_t n = weights.rows;
  constexpr double kFar = std::numeric_limits<double>::infinity();
  std::vector<double> row_price(n + 1), column_price(n + 1);
  std::vector<std::size_t> row_of(n + 1), way(n + 1);  // counted from 1; 0 is none
  for (std::size_t row = 1; row <= n; ++row) {
    row_of[0] = row;
    std::size_t column = 0;
    std::vector<double> nearest(n + 1, kFar);
    std::vector<bool> done(n + 1);
    do {
      done[column] = true;
      const std::size_t at = row_of[column];
      double step = kFar;
      std::size_t next = 0;
      for (std::size_t j = 1; j <= n; ++j) {
        if (done[j]) continue;
        const double cost = -double{weights[at - 1][j - 1]} - row_price[at] - column_price[j];
        if (cost < nearest[j]) {
          nearest[j] = cost;
          way[j] = column;
        }
        if (nearest[j] < step) {
          step = nearest[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (done[j]) {
          row_price[row_of[j]] += step;
          column_price[j] -= step;
        } else {
          nearest[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = way[column]) row_of[column] = row_of[way[column]];
  }
  std::vector<std::int32_t> column_of(n);
  for (std::size_t j = 1; j <= n; ++j) column_of[row_of[j] - 1] = static_cast<std::int32_t>(j - 1);
  return column_of;
}

std::vector<std::int32_t> match_codes(
    std::size_t items, std::size_t codes,
    const std::function<std::pair<std::int32_t, std::int32_t>(std::size_t item)>& pair) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::size_t> counts;
  for (std::size_t i = 0; i < items; ++i) ++counts[pair(i)];
  if (codes > kAssignedCodes) return greedy_assignment(codes, counts);
  Matrix weights(codes, codes);
  // Where it makes no difference a code keeps its number.
  for (std::size_t c = 0; c < codes; ++c) weights[c][c] = 0.5F / static_cast<float>(codes);
  for (const auto& [names, count] : counts) {
    weights[static_cast<std::size_t>(names.first)][names.second] += static_cast<float>(count);
  }
  return best_assignment(weights);
}

CodeComparison compare_codes(const Bundle& earlier, const Bundle& later) {
  const Settings& settings = later.model.settings;
  const Settings& before = earlier.model.settings;
  if (settings.codes() == 0 || before.codes() == 0) {
    fail("a model of ID tokens alone has no codes to compare");
  }
  if (settings.codes() != before.codes() || settings.codebook_size != before.codebook_size ||
      settings.collaborative_tokens != before.collaborative_tokens) {
    fail("{} codes an item out of {} do not compare with {} out of {}: models of the same parts do",
         before.codes(), before.codebook_size, settings.codes(), settings.codebook_size);
  }
  const Pairs pairs = items_of_both(earlier, later);
  CodeComparison result;
  result.common = pairs.size();
  result.semantic_levels = settings.levels;
  std::vector<std::vector<std::int32_t>> names;
  for (std::size_t l = 0; l < settings.codes(); ++l) {
    names.push_back(match_codes(pairs.size(), settings.codebook_size, [&](std::size_t i) {
      return std::pair(codes_of(earlier, pairs[i].first)[l], codes_of(later, pairs[i].second)[l]);
    }));
    LevelChange change;
    for (std::size_t c = 0; c < names[l].size(); ++c) {
      change.renamed += names[l][c] == static_cast<std::int32_t>(c) ? 0 : 1;
    }
    result.levels.push_back(change);
  }
  compare_items(earlier, later, pairs, names, result);
  list_new_items(later, pairs, result);
  const ItemNumbers still = number_by_id(later.items);
  for (const CatalogueItem& item : earlier.items) {
    if (!still.contains(item.id)) result.gone.push_back(item.id);
  }
  return result;
}

Json to_json(const CodeComparison& comparison, std::size_t most) {
  Json json = {{"items", comparison.common},
               {"kept_all", comparison.kept_all},
               {"kept_semantic", comparison.kept_semantic},
               {"moved_items", comparison.moved.size()},
               {"new_items", comparison.added.size()},
               {"gone_items", comparison.gone.size()},
               {"levels", Json::array()},
               {"moved", Json::array()},
               {"new", Json::array()},
               {"gone", Json::array()}};
  for (std::size_t l = 0; l < comparison.levels.size(); ++l) {
    const LevelChange& level = comparison.levels[l];
    json["levels"].push_back(
        {{"kind", l < comparison.semantic_levels ? "semantic" : "collaborative"},
         {"kept", level.kept},
         {"kept_as_named", level.kept_as_named},
         {"renamed", level.renamed}});
  }
  const auto first = [&](const auto& list) {
    return std::span(list).first(std::min(most, list.size()));
  };
  for (const MovedItem& item : first(comparison.moved)) {
    json["moved"].push_back({{"id", item.id},
                             {"title", item.title},
                             {"distance", item.distance},
                             {"codes_changed", item.codes_changed},
                             {"before", item.before},
                             {"after", item.after}});
  }
  for (const AddedItem& item : first(comparison.added)) {
    json["new"].push_back({{"id", item.id},
                           {"title", item.title},
                           {"codes", item.codes},
                           {"shared_with", item.shared}});
  }
  for (const std::string& id : first(comparison.gone)) json["gone"].push_back(id);
  return json;
}

}  // namespace tessera
