#include "model/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tessera {
namespace {

// Mean of 1/place over the places first … last: a thousand terms, the rest by Euler and Maclaurin.
double mean_reciprocal(double first, double last) {
  const double summed = std::min(last, first + 999.0);
  double sum = 0.0;
  for (double place = first; place <= summed; ++place) sum += 1.0 / place;
  if (const double a = summed + 1.0; a <= last) {
    sum += std::log(last / a) + 0.5 * (1.0 / a + 1.0 / last) +
           (1.0 / (a * a) - 1.0 / (last * last)) / 12.0;
  }
  return sum / (last - first + 1.0);
}

// Σ gain(place, share of the place) over the places within the cut.
template <class Gain>
double sum_over_places(TargetPlace place, std::size_t cut, const Gain& gain) {
  const double first = place.better + 1.0;
  const double last = std::min(first + place.tied, static_cast<double>(cut));
  const double share = 1.0 / (place.tied + 1.0);
  double sum = 0.0;
  for (double at = first; at <= last; ++at) sum += gain(at, share);
  return sum;
}

}  // namespace

double hit_rate(TargetPlace place, std::size_t cut) {
  return sum_over_places(place, cut, [](double, double share) { return share; });
}

double ndcg(TargetPlace place, std::size_t cut) {
  return sum_over_places(place, cut,
                         [](double at, double share) { return share / std::log2(at + 1.0); });
}

double reciprocal_rank(TargetPlace place, std::size_t cut) {
  if (place.better == kMissed.better) return 0.0;
  if (cut > 0) {
    return sum_over_places(place, cut, [](double at, double share) { return share / at; });
  }
  return mean_reciprocal(place.better + 1.0, place.better + 1.0 + place.tied);
}

std::vector<std::string> metric_names(Shown least) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) {
    if (metric.shown >= least) names.emplace_back(metric.name);
  }
  return names;
}

std::size_t metric_number(std::string_view name) {
  const auto* const found = std::ranges::find(kMetrics, name, &Metric::name);
  if (found == kMetrics.end()) throw std::out_of_range("no metric '" + std::string(name) + "'");
  return static_cast<std::size_t>(found - kMetrics.begin());
}

Metrics metrics_of(TargetPlace place) {
  Metrics metrics;
  metrics.users = 1;
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    metrics.values[m] = kMetrics[m].value(place, kMetrics[m].cut);
  }
  return metrics;
}

Metrics metrics_of(std::span<const TargetPlace> places) {
  Metrics mean;
  mean.users = places.size();
  for (const TargetPlace place : places) {
    const Metrics one = metrics_of(place);
    for (std::size_t m = 0; m < kMetrics.size(); ++m) mean.values[m] += one.values[m];
  }
  if (places.empty()) return mean;
  for (double& value : mean.values) value /= static_cast<double>(places.size());
  return mean;
}

nlohmann::json to_json(const Metrics& metrics) {
  nlohmann::json json;
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    json[std::string(kMetrics[m].name)] = metrics.values[m];
  }
  return json;
}

Metrics metrics_from_json(const nlohmann::json& json, std::size_t users) {
  Metrics metrics{users, {}};
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    metrics.values[m] = json.value(std::string(kMetrics[m].name), 0.0);
  }
  return metrics;
}

std::string metrics_line(const Metrics& metrics, Shown least, std::string_view between) {
  std::string line;
  for (const std::string& name : metric_names(least)) {
    fmt::format_to(std::back_inserter(line), "{}{} {:.4f}", line.empty() ? "" : between, name,
                   metrics.at(name));
  }
  return line;
}

}  // namespace tessera
