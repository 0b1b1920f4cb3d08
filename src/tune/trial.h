#pragma once
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "model/settings.h"
#include "tune/search_space.h"

namespace tessera {

/// Settings that are tried, and what became of them.
struct TuneTrial {
  std::size_t number = 0;  ///< from 0, which changes nothing
  Changes changes;
  std::size_t epochs = 0;             ///< of a whole training
  std::vector<nlohmann::json> curve;  ///< lines of training.jsonl, an epoch each
  bool finished = false;              ///< trained to its end, or for as long as it improved
  std::string failure;                ///< why its training failed; empty: it did not

  /// The best value of a metric within the first epochs; none where none was reached.
  std::optional<double> value(const std::string& metric, std::size_t within) const;
  std::optional<double> value(const std::string& metric) const {
    return value(metric, curve.size());
  }
  /// The first epoch of that value, from 1; 0 where there is none.
  std::size_t best_epoch(const std::string& metric) const;
};

nlohmann::json to_json(const TuneTrial& trial);
/// Throws Error that names the file.
TuneTrial read_trial(const fs::path& file);

/// The lines of a bundle's training.jsonl; none where there is none.
std::vector<nlohmann::json> read_curve(const fs::path& bundle);

/// Of trials those with a value that did not fail, best first, of equals the first.
std::vector<const TuneTrial*> ranked(const std::vector<TuneTrial>& trials,
                                     const std::string& metric);

/// A page with what was searched, the curve of every trial and the table of all.
std::string tuning_page(const nlohmann::json& asked, const std::vector<TuneTrial>& trials,
                        const std::string& metric);

}  // namespace tessera
