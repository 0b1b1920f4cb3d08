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

using Integers = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Systems in memory: (name, array of scores or of item numbers), or (name, users, items, scores or
// None) of ids. They are read when the data are.
std::function<Predictions(const Dataset&, Split)> system_of(const nb::tuple& given) {
  const auto name = nb::cast<std::string>(given[0]);
  if (given.size() == 2) {
    // As they are: converted, whole numbers would pass for scores.
    if (Integers lists; nb::try_cast(given[1], lists, false)) {
      return [name, lists](const Dataset& data, Split split) {
        return predictions_of(
            name, data, split,
            {lists.shape(0), lists.shape(1), {lists.data(), lists.data() + lists.size()}});
      };
    }
    const auto scores = nb::cast<Floats>(given[1]);
    return [name, scores](const Dataset& data, Split split) {
      Matrix copy(scores.shape(0), scores.shape(1));
      std::copy_n(scores.data(), scores.size(), copy.span().begin());
      return predictions_of(name, data, split, std::move(copy));
    };
  }
  auto users = nb::cast<std::vector<std::string>>(given[1]);
  auto items = nb::cast<std::vector<std::string>>(given[2]);
  auto scores = given[3].is_none() ? std::vector<float>() : nb::cast<std::vector<float>>(given[3]);
  return
      [name, users = std::move(users), items = std::move(items), scores = std::move(scores)](
          const Dataset& data, Split) { return predictions_of(name, data, users, items, scores); };
}

// Words of the report's options, as Python gives them.
EvaluateOptions evaluate_options(const nb::dict& words) {
  const auto text = [&](const char* key) { return nb::cast<std::string>(words[key]); };
  EvaluateOptions options;
  options.model = text("model");
  options.data = text("data");
  options.split = split_of(text("split"));
  options.protocol = protocol_of(text("protocol"));
  options.negatives = text("negatives");
  options.repeats = repeats_of(text("repeats"));
  options.compare = text("compare");
  options.seed = nb::cast<std::uint64_t>(words["seed"]);
  options.baselines = baselines_of(text("baselines"));
  options.newer = nb::cast<bool>(words["newer"]);
  options.seen = nb::cast<bool>(words["seen"]);
  options.budget = nb::cast<std::size_t>(words["budget"]);
  options.at = nb::cast<std::vector<std::size_t>>(words["at"]);
  options.per_user = text("per_user");
  for (const nb::handle file : nb::cast<nb::list>(words["files"])) {
    options.predictions.emplace_back(nb::cast<std::string>(file));
  }
  for (const nb::handle system : nb::cast<nb::list>(words["systems"])) {
    options.given.push_back(system_of(nb::cast<nb::tuple>(system)));
  }
  return options;
}

std::string evaluate_json(const nb::dict& words, int threads) {
  EvaluateOptions options = evaluate_options(words);
  Listener listener;
  struct Interrupted {};
  options.progress = [&](std::size_t, std::size_t) {
    if (listener.interrupted()) throw Interrupted();
  };
  nlohmann::json report;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    try {
      report = evaluate(options).json;
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

// (key, a value, words that it takes, whether a number may be auto) of every setting.
nb::list settings_list() {
  nb::list rows;
  for (const Setting& row : settings_table()) {
    rows.append(nb::make_tuple(row.key, row.get(Settings{}).dump(), row.words,
                               row.values.starts_with("auto, ")));
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
  module.def("evaluate", &evaluate_json, "options"_a, "threads"_a);
}

}  // namespace tessera::python
