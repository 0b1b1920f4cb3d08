#include "eval/bootstrap.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/random.h"

namespace tessera {
namespace {

std::vector<Headlines<double>> values_of(std::span<const TargetPlace> places) {
  std::vector<Headlines<double>> values;
  values.reserve(places.size());
  for (const TargetPlace place : places) {
    auto& own = values.emplace_back();
    for (std::size_t h = 0; h < own.size(); ++h) {
      const Metric& metric = kMetrics[kHeadlines[h]];
      own[h] = metric.value(place, metric.cut);
    }
  }
  return values;
}

Interval middle_of(std::vector<double>& means) {
  std::ranges::sort(means);
  const std::size_t low = means.size() / 40;
  return {means[low], means[means.size() - 1 - low]};
}

Intervals resample(std::span<const Headlines<double>> values, std::uint64_t seed,
                   std::size_t rounds) {
  Intervals intervals;
  if (values.empty() || rounds == 0) return intervals;
  const auto users = static_cast<double>(values.size());
  Random random(seed, {0xb007});
  Headlines<std::vector<double>> means;
  for (std::size_t round = 0; round < rounds; ++round) {
    Headlines<double> sum{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& drawn = values[random.below(values.size())];
      for (std::size_t h = 0; h < sum.size(); ++h) sum[h] += drawn[h];
    }
    for (std::size_t h = 0; h < sum.size(); ++h) means[h].push_back(sum[h] / users);
  }
  std::ranges::transform(means, intervals.begin(), middle_of);
  return intervals;
}

}  // namespace

Intervals bootstrap(std::span<const TargetPlace> places, std::uint64_t seed, std::size_t rounds) {
  return resample(values_of(places), seed, rounds);
}

PairedDifference paired_bootstrap(std::span<const TargetPlace> a, std::span<const TargetPlace> b,
                                  std::uint64_t seed, std::size_t rounds) {
  if (a.size() != b.size()) throw std::logic_error("paired systems must rank the same users");
  std::vector<Headlines<double>> differences = values_of(a);
  const std::vector<Headlines<double>> others = values_of(b);
  PairedDifference result;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    for (std::size_t h = 0; h < result.mean.size(); ++h) {
      differences[i][h] -= others[i][h];
      result.mean[h] += differences[i][h] / static_cast<double>(a.size());
    }
  }
  result.interval = resample(differences, seed, rounds);
  return result;
}

nlohmann::json to_json(const Intervals& intervals) {
  nlohmann::json json;
  for (std::size_t h = 0; h < intervals.size(); ++h) {
    json[headline_name(h)] = {intervals[h].low, intervals[h].high};
  }
  return json;
}

nlohmann::json to_json(const PairedDifference& difference) {
  nlohmann::json json;
  for (std::size_t h = 0; h < difference.mean.size(); ++h) {
    const Interval& interval = difference.interval[h];
    json[headline_name(h)] = {difference.mean[h], interval.low, interval.high};
  }
  return json;
}

}  // namespace tessera
