#include "engine.h"
#include "tune/tune.h"

namespace tessera::python {
namespace {

// The search's result as JSON. on_trial gets a trial as JSON and the metric's name, on_progress the
// share that is done.
std::string search_settings(const fs::path& data, const fs::path& out,
                            const std::string& recipe_name,
                            const std::vector<std::string>& settings,
                            const std::vector<std::string>& search, const fs::path& negatives,
                            std::optional<std::size_t> runs, std::optional<double> seconds,
                            std::size_t jobs, bool resume, int threads,
                            const nb::object& on_trial) {
  TuneOptions options;
  options.data_directory = data;
  options.out = out;
  options.start = recipe(recipe_name);
  apply_settings(options.start, settings);
  options.search = search;
  options.negatives = negatives;
  options.runs = runs;
  options.seconds = seconds;
  options.jobs = jobs;
  options.resume = resume;
  Listener listener;
  options.interrupted = [&] { return listener.interrupted(); };
  if (!on_trial.is_none()) {
    options.on_trial = [&](const TuneTrial& trial, const std::string& metric) {
      listener.call([&] { on_trial(to_json(trial).dump(), metric); });
    };
  }
  TuneResult result;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    result = tune(options);
  }
  listener.rethrow();
  return to_json(result).dump();
}

}  // namespace

void bind_tuning(nb::module_& module) {
  module.def("tune", &search_settings, "data"_a, "out"_a, "recipe"_a, "settings"_a, "search"_a,
             "negatives"_a, "runs"_a.none(), "seconds"_a.none(), "jobs"_a, "resume"_a, "threads"_a,
             "on_trial"_a.none());
  module.def("seconds_of_budget", &seconds_of_budget);
}

}  // namespace tessera::python
