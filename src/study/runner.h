#pragma once
#include <functional>

#include "study/results.h"

namespace tessera {

struct StudyOptions {
  fs::path report;  ///< the folder of it all: data/, models/, results/, index.html, report.json
  std::size_t jobs = 1;  ///< models at a time, each on one thread; 1: one on all threads
  std::function<bool()> interrupted;  ///< asked between steps; true saves and ends the work
  std::function<void(const StudyStatus&)> on_status;  ///< often; never two at a time
  /// A model was trained and measured now, or, with `cached`, some time before.
  std::function<void(const StudyRun&, bool cached)> on_finished;
};

/// Trains and measures every run of the study that the report's folder does not hold yet, fills in
/// `study`, and writes the page and the JSON at the start, after every model and between. A model
/// that was begun goes on from its checkpoint. False if interrupted. Throws Error if the folder
/// holds a model of the same name with other settings or of other data; nothing is changed then.
bool run_study(Study& study, const StudyOptions& options);

}  // namespace tessera
