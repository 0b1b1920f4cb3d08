#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "ranks/launched_ranks.h"
#include "train/trainer.h"

namespace tessera {
namespace {

struct TrainArguments {
  std::string data, out, negatives;
  std::string recipe = kDefaultRecipe;
  std::vector<std::string> set;
  bool resume = false;
  bool json = false;
};

constexpr const char* kFirstStage = "codes, ";

// What follows from the data, and what the settings never learn from.
void say_start(const StartReport& report) {
  const Settings& s = report.settings;
  fmt::print("histories count by their last {} events; {} epochs", s.max_length, s.epochs);
  if (s.has_collaborative()) fmt::print(", {} before them for codes", s.collaborative_epochs);
  fmt::print("\n");
  const auto& [targets, learned] = report.events;
  if (learned < targets) {
    fmt::print(
        "note: {} of {} events are never learned from, as they are not among the last {} of a "
        "history; windows=all learns from all\n",
        grouped(targets - learned), grouped(targets), s.max_length);
  }
}

void say_epoch(const EpochReport& report) {
  fmt::print("{}epoch {:3}  loss {:.4f}", report.first_stage ? kFirstStage : "", report.epoch,
             report.loss);
  if (report.validation.users > 0) {
    fmt::print("  {}", metrics_line(report.validation, Shown::epoch));
  }
  fmt::print("  {:.1f} + {:.1f} s{}\n", report.train_seconds, report.validation_seconds,
             report.best ? "  best" : "");
  std::fflush(stdout);
}

void train_command(const TrainArguments& arguments) {
  const bool epochs_alone =
      arguments.set.size() == 1 && arguments.set.front().starts_with("epochs=");
  if (arguments.resume && !arguments.set.empty() && !epochs_alone) {
    fail_usage(
        "--set does not go with --resume: a resumed run keeps its settings, but for epochs=N");
  }
  TrainOptions options;
  options.data_directory = arguments.data;
  options.bundle = arguments.out;
  options.negatives = arguments.negatives;
  options.settings = recipe(arguments.recipe);
  apply_settings(options.settings, arguments.set);
  options.resume = arguments.resume;
  if (arguments.resume && epochs_alone) options.epochs = options.settings.epochs;
  std::optional<Progress> bar;  // of one epoch
  options.on_step = [&](const StepReport& report) {
    if (!bar) {
      bar.emplace(fmt::format("{}epoch {}", report.first_stage ? kFirstStage : "", report.epoch),
                  report.steps);
    }
    bar->update(report.step, fmt::format("loss {:.4f}", report.loss));
    if (report.step == report.steps) bar.reset();
  };
  if (!arguments.json) {
    options.on_start = say_start;
    options.on_epoch = say_epoch;
  }
  const InterruptGuard guard;
  options.interrupted = InterruptGuard::interrupted;

  TrainResult result;
  with_launched_ranks([&](const Ranks& ranks) {
    options.ranks = ranks;
    result = train(options);
  });
  bar.reset();
  if (!options.ranks.first()) return;
  if (!result.finished) {
    fail("interrupted: the state is saved; go on with 'tessera train --data {} --out {} --resume'",
         arguments.data, arguments.out);
  }
  if (arguments.json) {
    return print_json({{"bundle", arguments.out},
                       {"epochs", result.epochs},
                       {"best_epoch", result.best_epoch},
                       {"validation", to_json(result.best)},
                       {"users_without_negatives", result.users_without_negatives},
                       {"seconds", result.seconds}});
  }
  if (result.users_without_negatives > 0) {
    fmt::print("{} users have touched every item, so nothing was learned from them\n",
               result.users_without_negatives);
  }
  if (result.best.users == 0) {
    fmt::print(
        "{}: {} epochs, trained in {}; no user has the {} events to be validated, so the last "
        "epoch is kept\n",
        arguments.out, result.epochs, format_duration(result.seconds), kMinEvaluatedEvents);
    return;
  }
  fmt::print("{}: best epoch {} of {}, validation {}; trained in {}\n", arguments.out,
             result.best_epoch, result.epochs, metrics_line(result.best, Shown::interval, ", "),
             format_duration(result.seconds));
}

}  // namespace

void add_train(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a model on a dataset");
  command->add_option("--data", arguments->data, "Dataset directory, embedded")->required();
  command->add_option("--out", arguments->out, "Model bundle to write")->required();
  command->add_option("--recipe", arguments->recipe, "Named set of settings: " + recipes_help())
      ->capture_default_str();
  command->add_option("--set", arguments->set, "One setting, key=value; may be repeated");
  command->add_option(
      "--negatives", arguments->negatives,
      "Negatives of the sampled protocol, to validate with (default: drawn by seed)");
  command->add_flag("--resume", arguments->resume, "Go on from the checkpoint in the bundle");
  command->add_flag("--json", arguments->json, "Print the result for programs");
  command->footer(settings_help() +
                  "\nExamples:\n  tessera train --data dataset --out model\n"
                  "  tessera train --data dataset --out ids --set tokens=id --set seed=2\n"
                  "  tessera train --data dataset --out paper --recipe paper\n"
                  "  tessera train --data dataset --out model --resume\n"
                  "  tessera train --data dataset --out model --resume --set epochs=60\n"
                  "  mpirun -n 2 --bind-to none tessera train --data dataset --out model\n"
                  "Several processes and machines: docs/scale.md.");
  command->callback([arguments] { train_command(*arguments); });
}

}  // namespace tessera
