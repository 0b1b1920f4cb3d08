#pragma once
#include <nlohmann/json.hpp>

#include "eval/beyond_accuracy.h"
#include "eval/bootstrap.h"
#include "eval/slices.h"

namespace tessera {

/// What is measured of some users.
struct Figures {
  std::string name;
  Metrics metrics;
  Intervals interval;  ///< of the bootstrap over these users
  Metrics chance;      ///< what a random order of the candidates reaches
};

/// What is measured of one system.
struct SystemFigures {
  Figures whole;  ///< with the system's name
  std::vector<Figures> slices;
  std::optional<BeyondAccuracy> beyond;  ///< none under the sampled protocol
  nlohmann::json choice;                 ///< of a baseline: its settings and how they were chosen
};

/// The places of some of the evaluated users, as Slice::users counts them.
std::vector<TargetPlace> take(std::span<const TargetPlace> places,
                              std::span<const std::uint32_t> users);

/// Figures of users whose targets stand at `places`, where constant scores would put them at
/// `chance`.
Figures figures_of(const std::string& name, std::span<const TargetPlace> places,
                   std::span<const TargetPlace> chance, std::uint64_t seed);

/// The metrics with "interval" and "chance", of the headlines each, and "users".
nlohmann::json to_json(const Figures& figures);
/// Name → figures.
nlohmann::json to_json(std::span<const Figures> slices);
/// The figures of the whole with "slices", "beyond_accuracy" and what `choice` holds.
nlohmann::json to_json(const SystemFigures& system);

}  // namespace tessera
