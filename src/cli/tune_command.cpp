// tune: which settings a log asks for.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "base/texts.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "tune/tune.h"

namespace tessera {
namespace {

struct TuneArguments {
  std::string data, out, negatives, time;
  std::string recipe = kDefaultRecipe;
  bool recipe_given = false;
  std::vector<std::string> set, search;
  std::size_t runs = 0;
  std::size_t jobs = 1;
  bool resume = false;
  bool json = false;
};

std::string words_of(const TuneTrial& trial) {
  return trial.number == 0 ? "as it starts" : joined(trial.changes, " ");
}

void say_trial(const TuneTrial& trial, const std::string& metric) {
  fmt::print("trial {:3}  {:3} of {} epochs", trial.number, trial.curve.size(), trial.epochs);
  if (const auto value = trial.value(metric)) fmt::print("  {} {:.4f}", metric, *value);
  fmt::print("  {}", words_of(trial));
  if (!trial.failure.empty()) fmt::print(": failed, {}", trial.failure);
  fmt::print("\n");
  std::fflush(stdout);
}

void print_table(const TuneResult& result) {
  const auto list = ranked(result.trials, result.metric);
  fmt::print("\n{:>5} {:>9} {:>6} {:>9}  settings\n", "trial", result.metric, "epoch", "trained");
  for (const TuneTrial* trial : list) {
    fmt::print("{:5} {:9.4f} {:6} {:>9}  {}\n", trial->number, *trial->value(result.metric),
               trial->best_epoch(result.metric),
               fmt::format("{} of {}", trial->curve.size(), trial->epochs), words_of(*trial));
  }
  for (const TuneTrial& trial : result.trials) {
    if (!trial.failure.empty()) fmt::print("{:5} failed: {}\n", trial.number, trial.failure);
  }
}

void print_best(const TuneArguments& arguments, const TuneResult& result) {
  if (!result.best) {
    return fmt::print("no trial came to the end of an epoch: give more --time with --resume\n");
  }
  const TuneTrial& best = result.trials[*result.best];
  fmt::print("\n{}: trial {}, {} {:.4f} on validation, searched for {}", result.bundle.string(),
             best.number, result.metric, *best.value(result.metric),
             format_duration(result.seconds));
  const auto start = result.trials.front().value(result.metric);
  if (best.number > 0 && start) fmt::print("; as it starts {:.4f}", *start);
  fmt::print(
      "\ncurves and table: {}\nfor service: tessera train --data {} --refit {} --out FOLDER\n",
      (fs::path(arguments.out) / kTunePage).string(), arguments.data, result.bundle.string());
}

TuneOptions options_of(const TuneArguments& arguments) {
  if (arguments.resume && (!arguments.set.empty() || !arguments.search.empty() ||
                           arguments.recipe_given || !arguments.negatives.empty())) {
    fail_usage(
        "--recipe, --set, --search and --negatives do not go with --resume: a search that goes on "
        "keeps them; --runs, --time and --jobs may differ");
  }
  TuneOptions options;
  options.data_directory = arguments.data;
  options.out = arguments.out;
  options.negatives = arguments.negatives;
  options.start = recipe(arguments.recipe);
  apply_settings(options.start, arguments.set);
  options.search = arguments.search;
  if (arguments.runs > 0) options.runs = arguments.runs;
  if (!arguments.time.empty()) options.seconds = seconds_of_budget(arguments.time);
  options.jobs = arguments.jobs;
  options.resume = arguments.resume;
  return options;
}

void tune_command(const TuneArguments& arguments) {
  TuneOptions options = options_of(arguments);
  constexpr std::size_t kParts = 10'000;
  Progress bar("tune", kParts);
  options.on_progress = [&](const TuneProgress& progress) {
    if (progress.total <= 0) return;
    bar.update(static_cast<std::size_t>(progress.done / progress.total * double{kParts}));
  };
  if (!arguments.json) {
    options.on_trial = [](const TuneTrial& trial, const std::string& metric) {
      say_trial(trial, metric);
    };
  }
  const InterruptGuard guard;
  options.interrupted = InterruptGuard::interrupted;
  const TuneResult result = tune(options);
  if (!result.finished) {
    fail("interrupted: the state is saved; go on with 'tessera tune --data {} --out {} --resume'",
         arguments.data, arguments.out);
  }
  if (arguments.json) return print_json(to_json(result));
  if (result.best) print_table(result);
  print_best(arguments, result);
}

}  // namespace

void add_tune(CLI::App& app) {
  auto arguments = std::make_shared<TuneArguments>();
  CLI::App* command = app.add_subcommand("tune", "Search settings by validation, within a budget");
  command->add_option("--data", arguments->data, "Dataset directory, embedded")->required();
  command->add_option("--out", arguments->out, "Folder of the search to write")->required();
  CLI::Option* recipe = command
                            ->add_option("--recipe", arguments->recipe,
                                         "What the search starts from: " + recipes_help())
                            ->capture_default_str();
  command->add_option("--set", arguments->set,
                      "One setting of all trials, key=value; may be repeated");
  command->add_option(
      "--search", arguments->search,
      "A setting to search, key=v1,v2,… or key=low..high; may be repeated (default: " +
          joined(usual_search(tessera::recipe(kDefaultRecipe)), "; ") + ")");
  command
      ->add_option("--runs", arguments->runs,
                   "Trials, at most (default: 9, or as many as --time allows)")
      ->check(CLI::Range(1, 100'000));
  command->add_option("--time", arguments->time,
                      "Time, at most, as 90s, 30m or 2h; with --resume that before counts too");
  command->add_option("--jobs", arguments->jobs, "Trainings at a time, which share the threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option(
      "--negatives", arguments->negatives,
      "Negatives of the sampled protocol, to validate with (default: drawn by seed)");
  command->add_flag("--resume", arguments->resume,
                    "Go on with the search in the folder; --runs and --time may be more");
  command->add_flag("--json", arguments->json, "Print the result for programs");
  command->footer(
      "The first trial has the settings as they are; the others are drawn. Of nine trials all are "
      "trained for a ninth of their epochs, the best three for a third, the best one to its end "
      "(successive halving). 'tessera train --help' lists all settings.\n"
      "\nExamples:\n  tessera tune --data dataset --out tuned\n"
      "  tessera tune --data dataset --out tuned --time 2h --jobs 2\n"
      "  tessera tune --data dataset --out tuned --resume --time 3h\n"
      "  tessera tune --data dataset --out ids --set tokens=id --runs 18 "
      "--search learning_rate=0.0005..0.01 --search dropout=0.2,0.5\n"
      "  tessera evaluate --data dataset --model tuned/best\n"
      "What it does and writes: docs/tune.md.");
  command->callback([arguments, recipe] {
    arguments->recipe_given = recipe->count() > 0;
    tune_command(*arguments);
  });
}

}  // namespace tessera
