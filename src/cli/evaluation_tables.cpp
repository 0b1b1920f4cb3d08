#include "cli/evaluation_tables.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/print.h"

namespace tessera {
namespace {

// What a list by chance is compared by.
constexpr std::string_view kByChance = "HR@10";

void print_metrics(const std::string& name, const Metrics& m) {
  fmt::print("{:22}", name);
  for (const double value : m.values) fmt::print("{:9.4f}", value);
  fmt::print("\n");
}

// The model is divided into its cold and warm users where it has both kinds.
void print_accuracy(const std::vector<SystemFigures>& systems) {
  fmt::print("{:22}", "");
  for (const Metric& metric : kMetrics) fmt::print("{:>9}", metric.name);
  fmt::print("\n");
  for (const SystemFigures& system : systems) {
    print_metrics(printable(system.whole.name), system.whole.metrics);
    if (&system != &systems.front()) continue;
    for (const Figures& slice : system.slices) {
      if (slice.name != "cold" && slice.name != "warm") continue;
      print_metrics(fmt::format("  {} ({})", slice.name, slice.metrics.users), slice.metrics);
    }
  }
}

void print_interval(const std::string& name, const Figures& figures) {
  fmt::print("{:22}", name);
  for (std::size_t h = 0; h < kHeadlines.size(); ++h) {
    const auto& [low, high] = figures.interval[h];
    fmt::print("{:9.4f} [{:.4f}, {:.4f}]", figures.metrics.values[kHeadlines[h]], low, high);
  }
  const double chance = figures.chance.at(kByChance);  // 0 of targets that lists leave out
  const double ratio = figures.metrics.at(kByChance) / chance;
  fmt::print("{}\n", chance > 0.0 ? fmt::format("{:11.1f} ×", ratio) : fmt::format("{:>11}", "–"));
}

void print_interval_line(const Figures& figures) {
  const auto& [hr10, ndcg10] = figures.interval;
  fmt::print("{}: 95 % intervals HR@10 [{:.4f}, {:.4f}], NDCG@10 [{:.4f}, {:.4f}]\n",
             printable(figures.name), hr10.low, hr10.high, ndcg10.low, ndcg10.high);
}

// All systems on the same users; the figures of the first tell which.
template <class FiguresOf>
void print_intervals(const std::vector<SystemFigures>& systems, const FiguresOf& figures_of) {
  const Figures& users = figures_of(systems[0]);
  fmt::print("{} users, of whom {:.3f} % would be hits by chance\n", grouped(users.metrics.users),
             100 * users.chance.at(kByChance));
  for (const SystemFigures& system : systems) {
    print_interval("  " + printable(system.whole.name), figures_of(system));
  }
}

void print_slices(const std::vector<SystemFigures>& systems) {
  fmt::print("\n{:22}", "95 % intervals");
  for (std::size_t h = 0; h < kHeadlines.size(); ++h) fmt::print("{:>26}", headline_name(h));
  fmt::print("{:>13}\nall: ", fmt::format("{}/chance", kByChance));
  print_intervals(systems, [](const SystemFigures& s) -> const Figures& { return s.whole; });
  for (std::size_t i = 0; i < systems[0].slices.size(); ++i) {
    fmt::print("{}: ", systems[0].slices[i].name);
    print_intervals(systems, [&](const SystemFigures& s) -> const Figures& { return s.slices[i]; });
  }
}

const char* mark(const Interval& interval) {
  return interval.low > 0.0 ? "+" : interval.high < 0.0 ? "-" : " ";
}

void print_differences(const SystemFigures& first, const SystemDifferences& of) {
  const std::vector<SliceDifference>& differences = of.slices;
  fmt::print(
      "\n{} minus {}, paired; + and - where 95 % of bootstrap samples are on one side of 0\n"
      "{:22}{:>9}",
      printable(first.whole.name), printable(of.other), "", "users");
  for (std::size_t h = 0; h < kHeadlines.size(); ++h) fmt::print("{:>31}", headline_name(h));
  fmt::print("\n");
  for (const auto& [name, users, difference] : differences) {
    fmt::print("{:22}{:>9}", "  " + name, grouped(users));
    for (std::size_t h = 0; h < kHeadlines.size(); ++h) {
      const Interval& interval = difference.interval[h];
      fmt::print("{:+10.4f} [{:+.4f}, {:+.4f}] {}", difference.mean[h], interval.low, interval.high,
                 mark(interval));
    }
    fmt::print("\n");
  }
  const PairedDifference& all = differences[0].difference;
  for (std::size_t h = 0; h < kHeadlines.size(); ++h) {
    fmt::print("{} difference {:+.4f}, 95 % of bootstrap samples in [{:+.4f}, {:+.4f}]\n",
               headline_name(h), all.mean[h], all.interval[h].low, all.interval[h].high);
  }
}

void print_measures(const std::string& name, const BeyondAccuracy& measures) {
  fmt::print("{:22}{:8.2f} %{:9.4f}{:9.1f}{:+8.1f} %{:9.2f}{:>9}", name, 100 * measures.coverage,
             measures.gini, measures.popularity, 100 * measures.popularity_lift, measures.novelty,
             measures.diversity ? fmt::format("{:.4f}", *measures.diversity) : "–");
  for (const double share : measures.exposure) fmt::print("{:7.2f} %", 100 * share);
  fmt::print("\n");
}

void print_beyond_accuracy(const EvaluationReport& report) {
  if (!report.targets) return;
  fmt::print("\nlists of ten{:10}{:>10}{:>9}{:>9}{:>10}{:>9}{:>9}", "", "coverage", "Gini",
             "events", "lift", "novelty", "unlike");
  for (const char* group : kPopularityGroups) fmt::print("{:>9}", group);
  fmt::print("\n");
  for (const SystemFigures& system : report.systems) {
    print_measures("  " + printable(system.whole.name), *system.beyond);
  }
  print_measures("  (targets)", *report.targets);
}

// The cut-offs that were asked for, if there were any.
void print_cuts(const std::vector<SystemFigures>& systems) {
  if (!systems[0].choice.contains("at")) return;
  fmt::print("\n{:22}", "");
  for (const auto& [name, value] : systems[0].choice.at("at").items()) fmt::print("{:>10}", name);
  fmt::print("\n");
  for (const SystemFigures& system : systems) {
    fmt::print("{:22}", printable(system.whole.name));
    for (const auto& [name, value] : system.choice.at("at").items()) {
      fmt::print("{:10.4f}", value.get<double>());
    }
    fmt::print("\n");
  }
}

void print_choices(const std::vector<SystemFigures>& systems) {
  for (const SystemFigures& system : systems) {
    if (!system.choice.contains("tuning")) continue;
    const nlohmann::json& tuning = system.choice.at("tuning");
    const auto goal = tuning.at("metric").get<std::string>();
    fmt::print("  {}: best of {} settings by validation {} ({:.4f}): {}\n", system.whole.name,
               tuning.at("tried").size(), goal, tuning.at("validation").at(goal).get<double>(),
               dump_json(system.choice.at("settings")));
  }
}

}  // namespace

void print_tables(const EvaluationReport& report, bool all) {
  print_accuracy(report.systems);
  print_choices(report.systems);
  print_cuts(report.systems);
  if (all) {
    print_slices(report.systems);
  } else {
    print_interval_line(report.systems[0].whole);
  }
  for (const SystemDifferences& of : report.differences) {
    print_differences(report.systems[0], of);
  }
  if (all) print_beyond_accuracy(report);
}

}  // namespace tessera
