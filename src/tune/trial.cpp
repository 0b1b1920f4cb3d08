#include "tune/trial.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {

using Json = nlohmann::json;

std::optional<double> TuneTrial::value(const std::string& metric, std::size_t within) const {
  std::optional<double> best;
  for (std::size_t e = 0; e < std::min(within, curve.size()); ++e) {
    const double value = curve[e].at("validation").at(metric);
    if (!best || value > *best) best = value;
  }
  return best;
}

std::size_t TuneTrial::best_epoch(const std::string& metric) const {
  const std::optional<double> best = value(metric);
  for (std::size_t e = 0; best && e < curve.size(); ++e) {
    if (curve[e].at("validation").at(metric) == *best) return e + 1;
  }
  return 0;
}

Json to_json(const TuneTrial& trial) {
  return {{"number", trial.number}, {"changes", trial.changes},   {"epochs", trial.epochs},
          {"curve", trial.curve},   {"finished", trial.finished}, {"failure", trial.failure}};
}

TuneTrial read_trial(const fs::path& file) {
  const Json json = read_json(file);
  try {
    TuneTrial trial;
    json.at("number").get_to(trial.number);
    json.at("changes").get_to(trial.changes);
    json.at("epochs").get_to(trial.epochs);
    json.at("curve").get_to(trial.curve);
    json.at("finished").get_to(trial.finished);
    json.at("failure").get_to(trial.failure);
    for (const Json& line : trial.curve) line.at("validation").get<std::map<std::string, double>>();
    return trial;
  } catch (const Json::exception&) {
    fail("{}: is damaged: remove it, and its trial is trained again", file.string());
  }
}

std::vector<Json> read_curve(const fs::path& bundle) {
  std::vector<Json> curve;
  const fs::path file = bundle / "training.jsonl";
  if (!fs::exists(file)) return curve;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t) {
    curve.push_back(parse_json(line, file.string()));
  });
  return curve;
}

std::vector<const TuneTrial*> ranked(const std::vector<TuneTrial>& trials,
                                     const std::string& metric) {
  std::vector<const TuneTrial*> list;
  for (const TuneTrial& trial : trials) {
    if (trial.failure.empty() && trial.value(metric)) list.push_back(&trial);
  }
  std::ranges::sort(list, {}, [&](const TuneTrial* trial) {
    return std::pair(-*trial->value(metric), trial->number);
  });
  return list;
}

}  // namespace tessera
