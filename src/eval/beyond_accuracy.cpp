#include "eval/beyond_accuracy.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/parallel.h"

namespace tessera {
namespace {

// Of non-negative counts: twice the area between the diagonal and the Lorenz curve.
double gini(std::vector<std::uint32_t> counts) {
  std::ranges::sort(counts);
  double weighted = 0.0;
  double sum = 0.0;
  const auto n = static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    weighted += (2.0 * static_cast<double>(i + 1) - n - 1.0) * counts[i];
    sum += counts[i];
  }
  return sum == 0.0 ? 0.0 : weighted / (n * sum);
}

// Mean training events of the items; there must be some.
double mean_events(std::span<const std::int32_t> items, const Popularity& popularity) {
  double sum = 0.0;
  for (const std::int32_t item : items) sum += popularity.events[static_cast<std::size_t>(item)];
  return sum / static_cast<double>(items.size());
}

// 1 over the length of each row, 0 of a zero row.
std::vector<float> inverse_norms(MatrixView<const float> rows) {
  std::vector<float> inverse(rows.rows);
  parallel_for(rows.rows, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      double squares = 0.0;
      for (const float x : rows.row(i)) squares += double{x} * x;
      if (squares > 0.0) inverse[i] = static_cast<float>(1.0 / std::sqrt(squares));
    }
  });
  return inverse;
}

// The cosines of all pairs add up to (‖Σ unit rows‖² − Σ ‖unit row‖²) / 2.
std::optional<double> mean_diversity(const TopLists& lists, MatrixView<const float> embeddings) {
  if (embeddings.rows == 0) return std::nullopt;
  const std::vector<float> scale = inverse_norms(embeddings);
  std::vector<double> distance(lists.users());
  parallel_for(lists.users(), 16, [&](std::size_t begin, std::size_t end) {
    std::vector<float> sum(embeddings.cols);
    for (std::size_t u = begin; u < end; ++u) {
      const auto list = lists.of(u);
      std::ranges::fill(sum, 0.0F);
      double own = 0.0;
      for (const std::int32_t listed : list) {
        const auto item = static_cast<std::size_t>(listed);
        const float* row = embeddings[item];
        for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += scale[item] * row[d];
        own += scale[item] > 0.0F ? 1.0 : 0.0;
      }
      double squares = 0.0;
      for (const float x : sum) squares += double{x} * x;
      const auto n = static_cast<double>(list.size());
      distance[u] = list.size() < 2 ? 0.0 : 1.0 - (squares - own) / (n * (n - 1.0));
    }
  });
  double sum = 0.0;
  double users = 0.0;
  for (std::size_t u = 0; u < distance.size(); ++u) {
    if (lists.of(u).size() < 2) continue;
    sum += distance[u];
    users += 1.0;
  }
  if (users == 0.0) return std::nullopt;
  return sum / users;
}

}  // namespace

BeyondAccuracy beyond_accuracy(const TopLists& lists, const Popularity& popularity,
                               double history_popularity, MatrixView<const float> embeddings) {
  BeyondAccuracy result;
  std::vector<std::uint32_t> places(popularity.events.size());
  double users = 0.0;
  double all_places = 0.0;
  for (std::size_t u = 0; u < lists.users(); ++u) {
    const auto list = lists.of(u);
    if (list.empty()) continue;
    double novelty = 0.0;
    for (const std::int32_t listed : list) {
      const auto item = static_cast<std::size_t>(listed);
      ++places[item];
      result.exposure[static_cast<std::size_t>(popularity.groups[item])] += 1.0;
      // An item without events is as novel as one with a single one.
      novelty += std::log2(static_cast<double>(std::max<std::uint64_t>(popularity.total, 1)) /
                           std::max(popularity.events[item], 1U));
    }
    result.popularity += mean_events(list, popularity);
    result.novelty += novelty / static_cast<double>(list.size());
    users += 1.0;
    all_places += static_cast<double>(list.size());
  }
  if (users == 0.0) return result;
  result.popularity /= users;
  result.novelty /= users;
  for (double& share : result.exposure) share /= all_places;
  if (history_popularity > 0.0) {
    result.popularity_lift = result.popularity / history_popularity - 1.0;
  }
  const auto listed = places.size() - static_cast<std::size_t>(std::ranges::count(places, 0U));
  result.coverage = static_cast<double>(listed) / static_cast<double>(places.size());
  result.gini = gini(std::move(places));
  result.diversity = mean_diversity(lists, embeddings);
  return result;
}

double history_popularity(const Dataset& data, Split split, const Popularity& popularity) {
  double sum = 0.0;
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  for (const std::int32_t user : users) {
    sum += mean_events(history_before(data, static_cast<std::size_t>(user), split), popularity);
  }
  return users.empty() ? 0.0 : sum / static_cast<double>(users.size());
}

TopLists target_lists(const Dataset& data, Split split) {
  TopLists lists{1, {}};
  for (const std::int32_t user : evaluated_users(data, split)) {
    lists.items.push_back(target_of(data, static_cast<std::size_t>(user), split));
  }
  return lists;
}

nlohmann::json to_json(const BeyondAccuracy& measures) {
  nlohmann::json exposure;
  for (std::size_t g = 0; g < kPopularityGroups.size(); ++g) {
    exposure[kPopularityGroups[g]] = measures.exposure[g];
  }
  return {
      {"coverage", measures.coverage},
      {"gini", measures.gini},
      {"popularity", measures.popularity},
      {"popularity_lift", measures.popularity_lift},
      {"novelty", measures.novelty},
      {"diversity", measures.diversity ? nlohmann::json(*measures.diversity) : nlohmann::json()},
      {"exposure", exposure}};
}

}  // namespace tessera
