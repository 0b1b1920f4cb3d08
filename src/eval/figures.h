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

/// The members of `values` at these places.
std::vector<Rank> take(std::span<const Rank> values, std::span<const std::uint32_t> places);

/// Figures of users whose targets stand at `ranks`, where constant scores would put them at
/// `chance`.
Figures figures_of(const std::string& name, std::span<const Rank> ranks,
                   std::span<const Rank> chance, std::uint64_t seed);

/// The metrics with "interval" and "chance", {"HR@10", "NDCG@10"} each, and "users".
nlohmann::json to_json(const Figures& figures);
/// Name → figures.
nlohmann::json to_json(std::span<const Figures> slices);
/// The figures of the whole with "slices", "beyond_accuracy" and what `choice` holds.
nlohmann::json to_json(const SystemFigures& system);

}  // namespace tessera
