#pragma once
#include <functional>

#include "tune/trial.h"

namespace tessera {

/// Seconds of a time as 90s, 30m or 2h. Throws UsageError for anything else.
double seconds_of_budget(const std::string& text);

/// How far a search is.
struct TuneProgress {
  double done = 0;   ///< epochs trained, those of models for codes too
  double total = 0;  ///< … and to train, as far as can be told
};

struct TuneOptions {
  fs::path data_directory;
  fs::path out;        ///< where the search lives: what was asked, trials, models, the page
  fs::path negatives;  ///< of the sampled protocol; empty: drawn by seed
  Settings start;      ///< what is searched from; its `select` says what is better
  std::vector<std::string> search;  ///< as parse_search takes it; empty: usual_search
  /// The budget, whichever ends first; neither: one bracket of trials. Of a search that goes on:
  /// in place of what it had.
  std::optional<std::size_t> runs;    ///< trials
  std::optional<double> seconds;      ///< of all, those before an interruption too
  std::size_t jobs = 1;               ///< trainings at a time, which share the threads
  bool resume = false;                ///< go on with the search in `out`, with what was asked of it
  std::function<bool()> interrupted;  ///< asked several times a second; true saves and ends
  /// Told a trial whose training paused, ended or failed, and the metric that it is judged by.
  std::function<void(const TuneTrial&, const std::string& metric)> on_trial;
  std::function<void(const TuneProgress&)> on_progress;
};

struct TuneResult {
  bool finished = false;  ///< false if interrupted
  bool time_over = false;
  std::string metric;  ///< what was better is told by
  std::vector<TuneTrial> trials;
  std::optional<std::size_t> best;  ///< of trials; none where none came to the end of an epoch
  fs::path bundle;                  ///< of the best: a link in the folder to its model
  double seconds = 0;               ///< that the search took so far
};

nlohmann::json to_json(const TuneResult& result);

/// Searches settings by validation: successive halving over epochs (tune/halving.h) of trials that
/// are drawn at random, the first of which changes nothing and is always trained to its end. A
/// trial is a training that is paused, so that its model has the bits of `train` with the same
/// settings and as many threads. What was learned stands in a file a trial, and a search that was
/// killed goes on from these and from checkpoints to the same result, whatever the number of jobs.
/// Where collaborative codes are wanted, trials whose models of ID tokens alone would be the same
/// share one. Models of trials that lost are removed. Throws UsageError as parse_search and
/// settings do, Error where the folder holds anything else or a search that it was not told to go
/// on with, and what training the first trial throws; of others that is the trial's failure.
TuneResult tune(const TuneOptions& options);

/// The folder's files.
inline constexpr const char* kTuneFile = "tune.json";
inline constexpr const char* kTunePage = "tune.html";
inline constexpr const char* kTuneBest = "best";

}  // namespace tessera
