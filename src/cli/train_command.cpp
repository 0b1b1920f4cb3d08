#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "cli/step_bar.h"
#include "ranks/launched_ranks.h"
#include "train/state.h"
#include "train/trainer.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

struct TrainArguments {
  std::string data, out, negatives;
  std::string recipe = kDefaultRecipe;
  std::vector<std::string> set;
  std::string from;
  std::string tokens = kFollowTokens;
  std::string refit;  ///< the bundle that chose, kChoose, or empty
  bool recipe_given = false;
  bool overwrite = false;
  bool resume = false;
  bool json = false;
};

constexpr const char* kChoose = "this training";

// What follows from the data, and what the settings never learn from.
void say_start(const StartReport& report) {
  const Settings& s = report.settings;
  fmt::print("histories count by their last {} events; {} epochs", s.max_length, s.epochs);
  if (report.finds_codes) {
    fmt::print(", {} before them for codes, in which a text weighs as much as {:.3g} events",
               s.collaborative_epochs, s.text_events);
  }
  fmt::print("; an item has ");
  if (s.has_semantics()) fmt::print("{} codes", s.codes());
  if (s.has_semantics() && s.has_ids()) fmt::print(" and ");
  if (s.has_ids()) fmt::print("an ID token of {}", s.id_width());
  fmt::print("\n");
  const auto& [targets, learned] = report.events;
  if (learned < targets) {
    fmt::print(
        "note: {} of {} events are never learned from, as they are not among the last {} of a "
        "history; windows=all learns from all\n",
        grouped(targets - learned), grouped(targets), s.max_length);
  }
}

void say_ids_ahead(const TrainResult& result) {
  const std::string reached = metrics_line(result.ids_alone, Shown::interval, ", ");
  if (result.ids_kept) {
    return fmt::print(
        "note: ID tokens alone are the model now: they reached {} on validation, more than codes "
        "beside them by more than chance. They keep a vector of every item and know no new ones; "
        "--set tokens=unified keeps codes all the same\n",
        reached);
  }
  fmt::print(
      "note: ID tokens alone reached {} on validation; tokens=auto keeps them where that is better "
      "by more than chance\n",
      reached);
}

void say_epoch(const EpochReport& report) {
  fmt::print("{}epoch {:3}  loss {:.4f}", part_words(report.first_stage, report.refit),
             report.epoch, report.loss);
  if (report.validation.users > 0) {
    fmt::print("  {}", metrics_line(report.validation, Shown::epoch));
  }
  fmt::print("  {:.1f} + {:.1f} s{}\n", report.train_seconds, report.validation_seconds,
             report.best && report.validation.users > 0 ? "  best" : "");
  if (report.first_stage && report.epoch == report.epochs) {
    fmt::print("codes, from what events taught and what texts tell\n");  // seconds, or a minute
  }
  std::fflush(stdout);
}

void print_from(const nlohmann::json& from) {
  fmt::print("from {}: {} items known, {} new, {} gone", from.at("bundle").get<std::string>(),
             grouped(from.at("known_items").get<std::size_t>()),
             grouped(from.at("new_items").get<std::size_t>()),
             grouped(from.at("gone_items").get<std::size_t>()));
  if (const auto recoded = from.at("recoded_items").get<std::size_t>(); recoded > 0) {
    fmt::print("; {} known items have other texts, and other semantic codes by them",
               grouped(recoded));
  }
  fmt::print("\n");
}

void print_refit(const TrainArguments& arguments, const TrainResult& result) {
  fmt::print("{}: refit on every event for {} epochs", arguments.out, result.epochs);
  if (result.best.at("MRR") > 0) {
    fmt::print(", the best on validation ({})", metrics_line(result.best, Shown::interval, ", "));
  }
  fmt::print("; trained in {}\n", format_duration(result.seconds));
}

bool adds_epochs(const TrainArguments& arguments) {
  return arguments.set.size() == 1 && arguments.set.front().starts_with("epochs=");
}

void check_resume(const TrainArguments& arguments) {
  if (!arguments.set.empty() && !adds_epochs(arguments)) {
    fail_usage(
        "--set does not go with --resume: a resumed run keeps its settings, but for epochs=N");
  }
  if (arguments.overwrite) {
    fail_usage("--overwrite does not go with --resume: a resumed run goes on with what is there");
  }
  const std::string there = recipe_of_bundle(arguments.out);
  if (arguments.recipe_given && !there.empty() && there != arguments.recipe) {
    fail_usage("--recipe {} does not go with --resume: {} is of the recipe {}, and keeps it",
               arguments.recipe, arguments.out, there);
  }
}

void train_command(const TrainArguments& arguments) {
  if (arguments.resume) check_resume(arguments);
  const bool chosen = !arguments.refit.empty() && arguments.refit != kChoose;
  if (chosen && (!arguments.set.empty() || arguments.recipe_given)) {
    fail_usage("--set and --recipe do not go with --refit BUNDLE, which trains as BUNDLE was");
  }
  if (!arguments.from.empty() && (arguments.resume || arguments.recipe_given)) {
    fail_usage("--from does not go with --resume, which knows it, and --recipe, which stays");
  }
  TrainOptions options;
  options.data_directory = arguments.data;
  options.bundle = arguments.out;
  options.negatives = arguments.negatives;
  options.from = arguments.from;
  options.keep_tokens = arguments.tokens == kKeepTokens;
  options.settings =
      arguments.from.empty() ? recipe(arguments.recipe) : warm_settings(arguments.from);
  apply_settings(options.settings, arguments.set);
  options.overwrite = arguments.overwrite;
  options.resume = arguments.resume;
  options.refit = !arguments.refit.empty();
  if (chosen) options.chosen_by = arguments.refit;
  if (arguments.resume && adds_epochs(arguments)) options.epochs = options.settings.epochs;
  if (!arguments.negatives.empty() && !options.resume &&
      options.settings.selection_protocol != Protocol::sampled) {
    fmt::print(
        stderr,
        "note: --negatives is not read: by selection_protocol=full a run validates among all "
        "items\n");
  }
  StepBar bar;
  options.on_step = [&](const StepReport& report) { bar.show(report); };
  if (!arguments.json) {
    options.on_start = [&](const StartReport& report) {
      const bool chosen_by_data = !options.resume && options.settings.tokens == Tokens::automatic;
      if (chosen_by_data && !report.settings.has_semantics()) {
        fmt::print("no item has a text: ID tokens alone are trained\n");
      }
      say_start(report);
    };
    options.on_epoch = say_epoch;
  }
  const InterruptGuard guard;
  options.interrupted = InterruptGuard::interrupted;

  TrainResult result;
  with_launched_ranks([&](const Ranks& ranks) {
    options.ranks = ranks;
    result = train(options);
  });
  bar.end();
  if (!options.ranks.first()) return;
  if (!result.finished) {
    fail("interrupted: the state is saved; go on with 'tessera train --data {} --out {} --resume'",
         arguments.data, arguments.out);
  }
  if (arguments.json) {
    return print_json(
        {{"bundle", arguments.out},
         {"epochs", result.epochs},
         {"best_epoch", result.best_epoch},
         {"refit", result.refit},
         {"from", result.from},
         {"validation", to_json(result.best)},
         {"ids_alone", result.ids_alone.users > 0 ? to_json(result.ids_alone) : nlohmann::json()},
         {"ids_kept", result.ids_kept},
         {"new_id_share", result.new_id_share},
         {"users_without_negatives", result.users_without_negatives},
         {"seconds", result.seconds}});
  }
  if (result.users_without_negatives > 0) {
    fmt::print("{} users have touched every item, so nothing was learned from them\n",
               result.users_without_negatives);
  }
  if (!result.from.is_null()) print_from(result.from);
  if (result.new_id_share > 0) {
    fmt::print("new items get {:.2f} of the ID token that rarely met ones have in the mean\n",
               result.new_id_share);
  }
  if (result.refit) return print_refit(arguments, result);
  if (result.best.users == 0) {
    fmt::print(
        "{}: {} epochs, trained in {}; no user has the {} events to be validated, so the last "
        "epoch is kept\n",
        arguments.out, result.epochs, format_duration(result.seconds), kMinEvaluatedEvents);
    return;
  }
  fmt::print("{}: best epoch {} of {}, validation {}; trained in {}\n", arguments.out,
             result.best_epoch, result.ids_kept ? result.best_epoch : result.epochs,
             metrics_line(result.best, Shown::interval, ", "), format_duration(result.seconds));
  if (result.ids_ahead) say_ids_ahead(result);
}

}  // namespace

void add_train(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a model on a dataset");
  command->add_option("--data", arguments->data, "Dataset directory, embedded")->required();
  command->add_option("--out", arguments->out, "Model bundle to write")->required();
  CLI::Option* recipe =
      command->add_option("--recipe", arguments->recipe, "Named set of settings: " + recipes_help())
          ->capture_default_str();
  command->add_option("--set", arguments->set, "One setting, key=value; may be repeated");
  command->add_option(
      "--negatives", arguments->negatives,
      "Negatives of the sampled protocol, to validate with (default: drawn by seed)");
  command->add_option("--from", arguments->from,
                      "An earlier bundle to go on from: users and items are matched by id, its "
                      "settings stay, and a fifth of the epochs does");
  command
      ->add_option("--tokens", arguments->tokens,
                   "With --from, the codes of items it knows: follow what is learned, or keep")
      ->check(CLI::IsMember({kFollowTokens, kKeepTokens}))
      ->capture_default_str();
  command
      ->add_option("--refit", arguments->refit,
                   "Then train on every event, held-out ones too, for as many epochs as were best: "
                   "the model to put into service. With the word BUNDLE, an earlier model, that "
                   "alone, with its settings and epochs")
      ->expected(0, 1)
      ->type_name("[BUNDLE]")
      ->default_str(kChoose);
  command->add_flag("--overwrite", arguments->overwrite, "Replace a bundle of another recipe");
  command->add_flag(
      "--resume", arguments->resume,
      "Go on from the checkpoint in the bundle, with its settings; --set epochs=N adds "
      "epochs");
  command->add_flag("--json", arguments->json, "Print the result for programs");
  command->footer(settings_help() +
                  "\nExamples:\n  tessera train --data dataset --out model\n"
                  "  tessera train --data dataset --out ids --set tokens=id --set seed=2\n"
                  "  tessera train --data dataset --out paper --recipe paper\n"
                  "  tessera train --data dataset --out service --refit\n"
                  "  tessera train --data newer --from service --out next --refit\n"
                  "  tessera train --data dataset --out service --refit model\n"
                  "  tessera train --data dataset --out model --resume\n"
                  "  tessera train --data dataset --out model --resume --set epochs=60\n"
                  "  mpirun -n 2 --bind-to none tessera train --data dataset --out model\n"
                  "Several processes and machines: docs/scale.md.");
  command->callback([arguments, recipe] {
    arguments->recipe_given = recipe->count() > 0;
    train_command(*arguments);
  });
}

}  // namespace tessera
