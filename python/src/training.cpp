#include <chrono>

#include "engine.h"
#include "eval/code_comparison.h"
#include "eval/report.h"
#include "model/settings_table.h"
#include "train/trainer.h"
#include "train/warm_start.h"

namespace tessera::python {
namespace {

// Returns whether the training came to its own end, the number of epochs and the best one. on_step
// gets (part, epoch, step, steps, loss) a few times a second: asking for the GIL at every
// step could wait for other threads each time. An on_epoch that returns False ends the training.
nb::tuple fit(const fs::path& data, const fs::path& out, const std::string& recipe_name,
              const std::vector<std::string>& settings, const fs::path& negatives, bool resume,
              bool overwrite, bool refit, const fs::path& chosen_by, const fs::path& from,
              bool keep_tokens, int threads, const nb::object& on_step,
              const nb::object& on_epoch) {
  TrainOptions options;
  options.data_directory = data;
  options.bundle = out;
  options.negatives = negatives;
  options.from = from;
  options.keep_tokens = keep_tokens;
  options.settings = from.empty() ? recipe(recipe_name) : warm_settings(from);
  apply_settings(options.settings, settings);
  options.resume = resume;
  options.refit = refit;
  options.chosen_by = chosen_by;
  options.overwrite = overwrite;
  if (resume && !settings.empty()) options.epochs = options.settings.epochs;  // alone: see fit
  Listener listener;
  options.interrupted = [&] { return listener.interrupted(); };
  if (!on_step.is_none()) {
    options.on_step =
        [&, shown = std::chrono::steady_clock::time_point()](const StepReport& report) mutable {
          const auto now = std::chrono::steady_clock::now();
          if (now - shown < std::chrono::milliseconds(200)) return;
          shown = now;
          listener.call([&] {
            on_step(part_words(report.first_stage, report.refit), report.epoch, report.step,
                    report.steps, report.loss);
          });
        };
  }
  options.on_epoch = [&](const EpochReport& report) {
    listener.call([&] {
      const nb::object go_on = on_epoch(
          part_words(report.first_stage, report.refit), report.epoch, report.epochs, report.loss,
          report.validation.users == 0 ? nb::object(nb::none())
                                       : nb::cast(to_json(report.validation).dump()),
          report.train_seconds, report.validation_seconds, report.best);
      if (go_on.ptr() == Py_False) listener.stop();
    });
  };
  TrainResult result;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    result = train(options);
  }
  listener.rethrow();
  return nb::make_tuple(result.finished, result.epochs, result.best_epoch);
}

std::string evaluate_json(const fs::path& model, const fs::path& data, const std::string& split,
                          const std::string& protocol, const fs::path& negatives,
                          const std::string& repeats, const fs::path& compare, std::uint64_t seed,
                          const std::string& baselines, std::size_t budget, bool newer, bool seen,
                          int threads) {
  Listener listener;
  struct Interrupted {};
  nlohmann::json report;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    try {
      report = evaluate({model, data, split_of(split), protocol_of(protocol), negatives,
                         repeats_of(repeats), compare, seed, baselines_of(baselines), newer, seen,
                         budget,
                         [&](std::size_t, std::size_t) {
                           if (listener.interrupted()) throw Interrupted();
                         }})
                   .json;
    } catch (const Interrupted&) {
      // Nothing was noted; what interrupted is raised below.
    }
  }
  listener.rethrow();
  return dump_json(report);
}

std::string compare_tokens_json(const fs::path& earlier, const fs::path& later, std::size_t most) {
  const nb::gil_scoped_release release;
  return dump_json(to_json(compare_codes(read_bundle(earlier), read_bundle(later)), most));
}

// (key, value by the default recipe, words that it takes) of every setting.
nb::list settings_list() {
  nb::list rows;
  const Settings standard = recipe(kDefaultRecipe);
  for (const Setting& row : settings_table()) {
    rows.append(nb::make_tuple(row.key, row.get(standard).dump(), row.words));
  }
  return rows;
}

// Every setting of a recipe with these changes, as JSON.
std::string settings_json(const std::string& recipe_name,
                          const std::vector<std::string>& assignments) {
  Settings settings = recipe(recipe_name);
  apply_settings(settings, assignments);
  return to_json(settings).dump();
}

}  // namespace

void bind_training(nb::module_& module) {
  module.def("fit", &fit, "data"_a, "out"_a, "recipe"_a, "settings"_a, "negatives"_a, "resume"_a,
             "overwrite"_a, "refit"_a, "chosen_by"_a, "warm_start"_a, "keep_tokens"_a, "threads"_a,
             "on_step"_a.none(), "on_epoch"_a);
  module.def("compare_tokens", &compare_tokens_json, "earlier"_a, "later"_a, "most"_a);
  module.def("settings", &settings_json, "recipe"_a, "assignments"_a);
  module.def("settings_help", &settings_help);
  module.attr("settings_list") = settings_list();
  module.attr("default_recipe") = kDefaultRecipe;
  module.attr("recipes_help") = recipes_help();
  module.attr("metrics") = metric_names();
  module.attr("epoch_metrics") = metric_names(Shown::epoch);
  module.def("evaluate", &evaluate_json, "model"_a, "data"_a, "split"_a, "protocol"_a,
             "negatives"_a, "repeats"_a, "compare"_a, "seed"_a, "baselines"_a, "budget"_a,
             "newer"_a, "seen"_a, "threads"_a);
}

}  // namespace tessera::python
