#include "eval/bootstrap.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/random.h"

namespace tessera {
namespace {

// What is averaged over users.
struct Value {
  double hr10 = 0, ndcg10 = 0;
};

std::vector<Value> values_of(std::span<const Rank> ranks) {
  std::vector<Value> values;
  values.reserve(ranks.size());
  for (const Rank rank : ranks) {
    const Metrics metrics = metrics_of(rank);
    values.push_back({metrics.hr10, metrics.ndcg10});
  }
  return values;
}

Interval middle_of(std::vector<double>& means) {
  std::ranges::sort(means);
  const std::size_t low = means.size() / 40;
  return {means[low], means[means.size() - 1 - low]};
}

Intervals resample(std::span<const Value> values, std::uint64_t seed, std::size_t rounds) {
  if (values.empty() || rounds == 0) return {};
  const auto users = static_cast<double>(values.size());
  Random random(seed, {0xb007});
  std::vector<double> hr10(rounds);
  std::vector<double> ndcg10(rounds);
  for (std::size_t round = 0; round < rounds; ++round) {
    Value sum;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Value& drawn = values[random.below(values.size())];
      sum.hr10 += drawn.hr10;
      sum.ndcg10 += drawn.ndcg10;
    }
    hr10[round] = sum.hr10 / users;
    ndcg10[round] = sum.ndcg10 / users;
  }
  return {middle_of(hr10), middle_of(ndcg10)};
}

}  // namespace

Intervals bootstrap(std::span<const Rank> ranks, std::uint64_t seed, std::size_t rounds) {
  return resample(values_of(ranks), seed, rounds);
}

PairedDifference paired_bootstrap(std::span<const Rank> a, std::span<const Rank> b,
                                  std::uint64_t seed, std::size_t rounds) {
  if (a.size() != b.size()) throw std::logic_error("paired systems must rank the same users");
  std::vector<Value> differences = values_of(a);
  const std::vector<Value> others = values_of(b);
  PairedDifference result;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    differences[i].hr10 -= others[i].hr10;
    differences[i].ndcg10 -= others[i].ndcg10;
    result.hr10 += differences[i].hr10 / static_cast<double>(a.size());
    result.ndcg10 += differences[i].ndcg10 / static_cast<double>(a.size());
  }
  result.interval = resample(differences, seed, rounds);
  return result;
}

nlohmann::json to_json(const Intervals& intervals) {
  return {{"HR@10", {intervals.hr10.low, intervals.hr10.high}},
          {"NDCG@10", {intervals.ndcg10.low, intervals.ndcg10.high}}};
}

nlohmann::json to_json(const PairedDifference& difference) {
  const Intervals& interval = difference.interval;
  return {{"HR@10", {difference.hr10, interval.hr10.low, interval.hr10.high}},
          {"NDCG@10", {difference.ndcg10, interval.ndcg10.low, interval.ndcg10.high}}};
}

}  // namespace tessera
