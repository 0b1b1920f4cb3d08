#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/code_statistics.h"
#include "eval/metrics.h"
#include "study/data.h"
#include "study/forecast.h"
#include "study/grid.h"

namespace tessera {

/// An epoch of a model's training.
struct CurvePoint {
  double loss = 0;
  Metrics validation;
};

/// What a finished model came to.
struct RunResult {
  std::size_t epochs = 0, best_epoch = 0;  ///< done, and the one kept (from 1)
  double train_seconds = 0, evaluate_seconds = 0;
  Metrics validation;     ///< of the best epoch, by the protocol it was chosen on
  Metrics sampled, full;  ///< on the test split
  CodeStatistics codes;
  TokenAccount account;
  std::vector<CurvePoint> curve;
  std::map<std::string, std::pair<Metrics, Metrics>> baselines;  ///< sampled, full; or empty
};

/// A model of the study on one dataset with one seed.
struct StudyRun {
  std::size_t dataset = 0;  ///< into Study::data
  std::size_t variant = 0;  ///< into StudyGrid::variants
  Settings settings;        ///< the variant's, with the seed
  std::string name;         ///< "beauty/unified-1": its folder in models/
  std::optional<RunResult> result;
};

/// A study as far as it is done.
struct Study {
  bool quick = false;
  std::size_t seeds = 1;
  StudyGrid grid;
  std::vector<StudyData> data;
  std::vector<StudyRun> runs;  ///< in the order to do them
  std::size_t finished() const;
};

/// How far a study is.
struct StudyStatus {
  bool running = false;                 ///< false: at its end, or interrupted
  std::size_t finished = 0, total = 0;  ///< models
  Forecast forecast;
  std::string current;  ///< "beauty/unified-1 epoch 14, …": the models at work
};

/// Every run of a grid on these datasets with seeds 1 … seeds, unfinished: seed by seed, so that
/// one whole study is there as early as can be.
Study plan_study(StudyGrid grid, std::vector<StudyData> data, std::size_t seeds, bool quick);

/// Mean and sample deviation (0 for one) over the seeds that are finished.
struct Estimate {
  std::size_t seeds = 0;  ///< 0: there is none yet
  double mean = 0, deviation = 0;
};
Estimate estimate_of(std::span<const double> values);

/// A figure of a result by its name: "sampled HR@10" and so on for both protocols, "unique_share",
/// "distinct_share", "catalogue_parameters", "activation L" and "perplexity L" of level L from 1;
/// none where it has no such level. std::out_of_range for other names.
std::optional<double> figure_of(const RunResult& result, const std::string& figure);
/// Over the finished seeds of a variant on a dataset.
Estimate figure_of(const Study& study, std::size_t dataset, std::size_t variant,
                   const std::string& figure);

/// The first finished run of a variant on a dataset; nullptr if there is none.
const StudyRun* finished_run(const Study& study, std::size_t dataset, std::size_t variant);

/// How a result is kept between runs; `result_from_json` throws Error naming `source` where a
/// field is missing or of the wrong type.
nlohmann::json to_json(const RunResult& result);
RunResult result_from_json(const nlohmann::json& json, const std::string& source);

/// The points of a bundle's training.jsonl.
std::vector<CurvePoint> read_curve(const fs::path& file);

}  // namespace tessera
