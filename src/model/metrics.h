#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Where a target stands among its candidates: `better` score higher, `tied` others score the same.
struct TargetPlace {
  std::uint32_t better = 0;
  std::uint32_t tied = 0;
};

/// Of a target that is no candidate: every metric of it is 0.
inline constexpr TargetPlace kMissed{0xffffffffU, 0};

/// What is shown of a metric, each with what stands before it: its value in tables and JSON; its
/// value in the line of an epoch; its interval, its chance and its difference between models.
enum class Shown : std::uint8_t { value, epoch, interval };

/// A metric of one target. With ties its value is the mean of those at the places better + 1 …
/// better + 1 + tied.
struct Metric {
  std::string_view name;
  double (*value)(TargetPlace place, std::size_t cut);
  std::size_t cut;  ///< places that count; 0: all
  Shown shown;
};

/// 1 within the cut, 0 beyond.
double hit_rate(TargetPlace place, std::size_t cut);
/// 1 / log2(place + 1) within the cut (Järvelin and Kekäläinen 2002, with one target).
double ndcg(TargetPlace place, std::size_t cut);
/// 1 / place within the cut; with cut 0 at any place.
double reciprocal_rank(TargetPlace place, std::size_t cut);

/// Every metric: what tables, JSON, the setting `select` and Python know.
inline constexpr std::array kMetrics = {Metric{"HR@1", hit_rate, 1, Shown::value},
                                        Metric{"HR@5", hit_rate, 5, Shown::value},
                                        Metric{"HR@10", hit_rate, 10, Shown::interval},
                                        Metric{"NDCG@5", ndcg, 5, Shown::value},
                                        Metric{"NDCG@10", ndcg, 10, Shown::interval},
                                        Metric{"MRR", reciprocal_rank, 0, Shown::epoch}};

/// The number of a metric in kMetrics; throws std::out_of_range for another name.
std::size_t metric_number(std::string_view name);
/// The names of those of which at least so much is shown.
std::vector<std::string> metric_names(Shown least = Shown::value);

/// Those with intervals, by their numbers in kMetrics.
inline constexpr auto kHeadlines = [] {
  std::array<std::size_t, std::ranges::count(kMetrics, Shown::interval, &Metric::shown)> numbers{};
  std::size_t next = 0;
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    if (kMetrics[m].shown == Shown::interval) numbers[next++] = m;
  }
  return numbers;
}();
/// Something of each of them, in their order.
template <class T>
using Headlines = std::array<T, kHeadlines.size()>;
inline std::string headline_name(std::size_t headline) {
  return std::string(kMetrics[kHeadlines[headline]].name);
}

/// Means over users.
struct Metrics {
  std::size_t users = 0;
  std::array<double, kMetrics.size()> values{};

  double at(std::string_view name) const { return values[metric_number(name)]; }
};

/// The metrics of one user (users = 1).
Metrics metrics_of(TargetPlace place);
/// Their means; all zero for no users.
Metrics metrics_of(std::span<const TargetPlace> places);

/// Name → value.
nlohmann::json to_json(const Metrics& metrics);
/// What an older version did not measure is 0.
Metrics metrics_from_json(const nlohmann::json& json, std::size_t users);

/// "HR@10 0.1234  NDCG@10 …" of those of which at least so much is shown.
std::string metrics_line(const Metrics& metrics, Shown least, std::string_view between = "  ");

}  // namespace tessera
