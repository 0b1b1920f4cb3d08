#include "eval/figures.h"

namespace tessera {

std::vector<TargetPlace> take(std::span<const TargetPlace> places,
                              std::span<const std::uint32_t> users) {
  std::vector<TargetPlace> taken;
  taken.reserve(users.size());
  for (const std::uint32_t user : users) taken.push_back(places[user]);
  return taken;
}

Figures figures_of(const std::string& name, std::span<const TargetPlace> places,
                   std::span<const TargetPlace> chance, std::uint64_t seed) {
  return {name, metrics_of(places), bootstrap(places, seed), metrics_of(chance)};
}

nlohmann::json to_json(const Figures& figures) {
  nlohmann::json json = to_json(figures.metrics);
  json["users"] = figures.metrics.users;
  json["interval"] = to_json(figures.interval);
  for (const std::size_t m : kHeadlines) {
    json["chance"][std::string(kMetrics[m].name)] = figures.chance.values[m];
  }
  return json;
}

nlohmann::json to_json(std::span<const Figures> slices) {
  nlohmann::json json = nlohmann::json::object();
  for (const Figures& slice : slices) json[slice.name] = to_json(slice);
  return json;
}

nlohmann::json to_json(const SystemFigures& system) {
  nlohmann::json json = to_json(system.whole);
  json["slices"] = to_json(system.slices);
  if (system.beyond) json["beyond_accuracy"] = to_json(*system.beyond);
  if (system.choice.is_object()) json.update(system.choice);
  return json;
}

}  // namespace tessera
