#include "eval/figures.h"

namespace tessera {

std::vector<Rank> take(std::span<const Rank> values, std::span<const std::uint32_t> places) {
  std::vector<Rank> taken;
  taken.reserve(places.size());
  for (const std::uint32_t place : places) taken.push_back(values[place]);
  return taken;
}

Figures figures_of(const std::string& name, std::span<const Rank> ranks,
                   std::span<const Rank> chance, std::uint64_t seed) {
  return {name, metrics_of(ranks), bootstrap(ranks, seed), metrics_of(chance)};
}

nlohmann::json to_json(const Figures& figures) {
  nlohmann::json json = to_json(figures.metrics);
  json["users"] = figures.metrics.users;
  json["interval"] = to_json(figures.interval);
  json["chance"] = {{"HR@10", figures.chance.hr10}, {"NDCG@10", figures.chance.ndcg10}};
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
