#include "study/report.h"

#include "base/error.h"
#include "study/tables.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

Json json_of(const Estimate& estimate) {
  if (estimate.seeds == 0) return nullptr;
  return {{"mean", estimate.mean}, {"deviation", estimate.deviation}, {"seeds", estimate.seeds}};
}

std::vector<std::string> figure_names(const Settings& settings) {
  std::vector<std::string> names;
  for (const char* protocol : {"sampled", "full"}) {
    for (const FigureColumn& column : metric_columns(protocol)) names.push_back(column.figure);
  }
  names.insert(names.end(), {"unique_share", "distinct_share", "catalogue_parameters"});
  for (std::size_t l = 1; l <= settings.codes(); ++l) {
    names.push_back(fmt::format("activation {}", l));
    names.push_back(fmt::format("perplexity {}", l));
  }
  return names;
}

// A variant's figures on a dataset, each with the paper's and the difference where there is one.
Json variant_json(const Study& study, std::size_t dataset, std::size_t variant) {
  const Variant& v = study.grid.variants[variant];
  Json json = {{"name", v.name},
               {"label", variant_label(study.grid, variant)},
               {"settings", to_json(v.settings)},
               {"figures", Json::object()}};
  json["settings"].erase("seed");
  for (const std::string& figure : figure_names(v.settings)) {
    const Estimate estimate = figure_of(study, dataset, variant, figure);
    Json one = json_of(estimate);
    const auto paper = paper_figure_of(study, dataset, variant, figure);
    if (paper) {
      one["paper"] = *paper;
      if (estimate.seeds > 0) one["difference"] = estimate.mean - *paper;
    }
    if (!one.is_null()) json["figures"][figure] = one;
  }
  return json;
}

std::vector<ModelMap> read_maps(const Study& study, const fs::path& models) {
  constexpr std::size_t kSamples = 9;
  constexpr std::size_t kTitles = 3;
  std::vector<ModelMap> maps;
  for (std::size_t d = 0; d < study.data.size(); ++d) {
    for (const StudyPoint& point : study.grid.comparison("distance").points) {
      const StudyRun* run = finished_run(study, d, point.variant);
      if (run == nullptr || !fs::exists(models / run->name / "config.json")) continue;
      maps.push_back({d, point.label, point.variant == 0,
                      token_map(read_bundle(models / run->name), kSamples, kTitles)});
    }
  }
  return maps;
}

}  // namespace

Json study_json(const Study& study, const StudyStatus& status) {
  Json json = {{"study", "paper"},
               {"quick", study.quick},
               {"complete", status.finished == status.total},
               {"seeds", study.seeds},
               {"models", {{"finished", status.finished}, {"total", status.total}}},
               {"datasets", Json::array()},
               {"comparisons", Json::array()},
               {"runs", Json::array()}};
  for (const Comparison& comparison : study.grid.comparisons) {
    Json points = Json::array();
    for (const StudyPoint& point : comparison.points) {
      points.push_back(
          {{"label", point.label}, {"model", study.grid.variants[point.variant].name}});
    }
    json["comparisons"].push_back({{"key", comparison.key}, {"points", points}});
  }
  for (std::size_t d = 0; d < study.data.size(); ++d) {
    const StudyData& data = study.data[d];
    Json one = {{"name", data.name},      {"fingerprint", data.fingerprint},
                {"users", data.users},    {"items", data.items},
                {"events", data.events},  {"simulated", data.simulated},
                {"models", Json::array()}};
    for (std::size_t v = 0; v < study.grid.variants.size(); ++v) {
      one["models"].push_back(variant_json(study, d, v));
    }
    json["datasets"].push_back(std::move(one));
  }
  for (const StudyRun& run : study.runs) {
    json["runs"].push_back({{"name", run.name},
                            {"dataset", study.data[run.dataset].name},
                            {"model", study.grid.variants[run.variant].name},
                            {"seed", run.settings.seed},
                            {"result", run.result ? to_json(*run.result) : Json(nullptr)}});
  }
  return json;
}

void write_report(const Study& study, const StudyStatus& status, const fs::path& folder) {
  make_directory(folder);
  const std::vector<ModelMap> maps = read_maps(study, folder / "models");
  write_file(folder / "report.json", dump_json(study_json(study, status), 1) + "\n");
  write_file(folder / "index.html", study_page(study, status, maps));
}

}  // namespace tessera
