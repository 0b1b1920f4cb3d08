#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

constexpr std::size_t kCut = 10;

// Mean of 1/rank over the ranks first … last: a thousand terms, the rest by Euler and Maclaurin.
double mean_reciprocal(double first, double last) {
  const double summed = std::min(last, first + 999.0);
  double sum = 0.0;
  for (double rank = first; rank <= summed; ++rank) sum += 1.0 / rank;
  if (const double a = summed + 1.0; a <= last) {
    sum += std::log(last / a) + 0.5 * (1.0 / a + 1.0 / last) +
           (1.0 / (a * a) - 1.0 / (last * last)) / 12.0;
  }
  return sum / (last - first + 1.0);
}

}  // namespace

Metrics metrics_of(Rank rank) {
  Metrics metrics;
  metrics.users = 1;
  const double first = rank.better + 1.0;
  const double last = first + rank.tied;
  const double share = 1.0 / (rank.tied + 1.0);
  for (double place = first; place <= std::min<double>(last, kCut); ++place) {
    const double gain = share / std::log2(place + 1.0);
    if (place <= 1) metrics.hr1 += share;
    if (place <= 5) {
      metrics.hr5 += share;
      metrics.ndcg5 += gain;
    }
    metrics.hr10 += share;
    metrics.ndcg10 += gain;
  }
  metrics.mrr = mean_reciprocal(first, last);
  return metrics;
}

Metrics metrics_of(std::span<const Rank> ranks) {
  Metrics sum;
  for (const Rank rank : ranks) {
    const Metrics one = metrics_of(rank);
    sum.hr1 += one.hr1;
    sum.hr5 += one.hr5;
    sum.hr10 += one.hr10;
    sum.ndcg5 += one.ndcg5;
    sum.ndcg10 += one.ndcg10;
    sum.mrr += one.mrr;
  }
  sum.users = ranks.size();
  if (ranks.empty()) return sum;
  const auto users = static_cast<double>(ranks.size());
  for (double* value : {&sum.hr1, &sum.hr5, &sum.hr10, &sum.ndcg5, &sum.ndcg10, &sum.mrr}) {
    *value /= users;
  }
  return sum;
}

nlohmann::json to_json(const Metrics& metrics) {
  return {{"HR@1", metrics.hr1},     {"HR@5", metrics.hr5},       {"HR@10", metrics.hr10},
          {"NDCG@5", metrics.ndcg5}, {"NDCG@10", metrics.ndcg10}, {"MRR", metrics.mrr}};
}

Metrics metrics_from_json(const nlohmann::json& json, std::size_t users) {
  return {users,
          json.at("HR@1"),
          json.at("HR@5"),
          json.at("HR@10"),
          json.at("NDCG@5"),
          json.at("NDCG@10"),
          json.at("MRR")};
}

}  // namespace tessera
