#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/folders.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/evaluation_tables.h"
#include "cli/print.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct EvaluateArguments {
  EvaluateOptions options;
  std::string split = "test", protocol = "full", repeats = "excluded", baselines = "none";
  std::string json, model;
  std::vector<std::string> predictions;
  bool all = false;
};

// Before any figure: what would make it wrong.
void print_traps(const EvaluationReport& report) {
  for (const SystemTraps& of : report.traps) {
    for (const Trap& trap : of.traps) {
      fmt::print("{}{}{}: {}; {}\n", of.system.empty() ? "" : printable(of.system),
                 of.system.empty() ? "" : ": ", trap.name, printable(trap.says), trap.remedy);
    }
  }
}

void print_repeats(const EvaluationReport& report, Repeats rule) {
  if (report.repeated_targets == 0) return;
  const char* consequence =
      rule == Repeats::excluded ? "lists leave such items out (--repeats lets them in)"
      : rule == Repeats::allowed
          ? "candidates and lists name such items, as recommend --repeats does"
          : "they are candidates here, but lists never name them (the published "
            "convention)";
  fmt::print("{} targets ({:.1f} %) are in the history already: {}\n",
             grouped(report.repeated_targets),
             100 * report.json.at("repeats").at("share").get<double>(), consequence);
}

void evaluate(const EvaluateArguments& arguments) {
  check_json_output(arguments.json, "a report of evaluate", {"protocol", "metrics"});
  EvaluateOptions options = arguments.options;
  options.split = split_of(arguments.split);
  options.protocol = protocol_of(arguments.protocol);
  options.repeats = repeats_of(arguments.repeats);
  options.baselines = baselines_of(arguments.baselines);
  options.model = arguments.model;
  options.predictions.assign(arguments.predictions.begin(), arguments.predictions.end());
  options.progress = shown_progress("ranking");
  const EvaluationReport report = evaluate(options);
  if (arguments.json == "-") return print_json(report.json);
  if (!arguments.json.empty()) write_file(arguments.json, dump_json(report.json, 2) + "\n");

  fmt::print("{}{}: {} users, {} split, {} protocol ({} candidates)\n", printable(report.data_name),
             report.simulated ? " (simulated)" : "",
             grouped(report.json.at("users").get<std::size_t>()), arguments.split,
             arguments.protocol, grouped(report.candidates));
  if (report.seen) {
    fmt::print(
        "a model was refit on these events: the figures say what it remembers, not how well "
        "it predicts\n");
  }
  if (report.left_out > 0) {
    fmt::print("{} users are left out: a model was trained on what they chose\n",
               grouped(report.left_out));
  }
  print_repeats(report, options.repeats);
  print_traps(report);
  print_tables(report, arguments.all);
  fmt::print("\n");
  if (!arguments.model.empty()) print_account(report.tokens.account);
  if (arguments.all && !arguments.model.empty()) return print_codes(report.tokens, true);
  fmt::print("--all shows slices, measures of the lists and codebooks; --json FILE keeps it all\n");
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  EvaluateOptions& options = arguments->options;
  CLI::App* command =
      app.add_subcommand("evaluate", "Measure a model, or anyone's lists, on held-out events");
  command->add_option("--model", arguments->model, "Model bundle");
  command
      ->add_option(
          "--predictions", arguments->predictions,
          "Anyone's lists or scores, one file a system: .jsonl {\"user\", \"items\"} lines, "
          ".csv or .tsv of user, item and score or rank, or .npy: lists of item numbers or "
          "scores [users, items]; with several, or beside --model, the paired differences")
      ->expected(1, 64);
  command->add_option("--data", options.data, "The dataset it was trained on")->required();
  command->add_option("--split", arguments->split, "Which held-out event to predict")
      ->check(CLI::IsMember(words_of<Split>(kSplits)))
      ->capture_default_str();
  command
      ->add_option("--protocol", arguments->protocol,
                   "full: among all items; sampled: among given negatives")
      ->check(CLI::IsMember(words_of<Protocol>(kProtocols)))
      ->capture_default_str();
  command->add_option("--negatives", options.negatives,
                      "Negatives of the sampled protocol, 'user item item …' (default: 99 drawn by "
                      "--seed)");
  command
      ->add_option("--repeats", arguments->repeats,
                   "Items of the history: excluded, as recommend leaves them out, so that a target "
                   "among them is missed; allowed, as by recommend --repeats, among candidates and "
                   "in lists, as is meant by the option without a word; published: left out but "
                   "for the target, as most papers do (without the option: excluded)")
      ->check(CLI::IsMember(words_of<Repeats>(kRepeats)))
      ->expected(0, 1)
      ->default_str("allowed");
  command->add_option("--seed", options.seed, "Seed of drawn negatives and of the bootstrap")
      ->check(kSeed)
      ->capture_default_str();
  command
      ->add_option("--baselines", arguments->baselines,
                   "Also popularity, item-kNN and sequential rules, fitted on the training events: "
                   "fixed, with customary settings, as is meant by the option without a word; or "
                   "tuned on the validation split (without the option: none)")
      ->check(CLI::IsMember(words_of<Baselines>(kBaselines)))
      ->expected(0, 1)
      ->default_str("fixed");
  CLI::Option* budget = command
                            ->add_option("--budget", options.budget,
                                         "With --baselines tuned: settings of each baseline to try")
                            ->check(count_from(1))
                            ->capture_default_str();
  command->add_option(
      "--compare", options.compare,
      "Another bundle: both models and the paired bootstrap of their difference, by "
      "slice");
  command
      ->add_option("--at", options.at,
                   "Also HR, NDCG and MRR at these cut-offs, with commas between: 5,10,20,50")
      ->delimiter(',')
      ->check(count_from(1));
  command->add_option("--per-user", options.per_user,
                      "Write each user's target and its place by every system, as JSON lines");
  command->add_flag("--newer", options.newer,
                    "The dataset is newer than what a model was trained on: items are matched by "
                    "id, and users left out whose target it has seen");
  command->add_flag("--seen", options.seen,
                    "Measure a refit model on events that it was trained on; the report says so");
  command->add_flag("--all", arguments->all,
                    "Also slices with their intervals, measures of the lists, every codebook");
  command->add_option("--json", arguments->json, "Write the report to a file ('-': print it)");
  command->footer(
      "Examples:\n  tessera evaluate --model model --data dataset --baselines tuned\n"
      "  tessera evaluate --model model --data dataset --protocol sampled --negatives "
      "negatives.txt.gz\n"
      "  tessera evaluate --model model --data listening --repeats\n"
      "  tessera evaluate --model model --data dataset --compare ids --json report.json\n"
      "  tessera evaluate --model next --data newer --newer --compare model\n"
      "  tessera evaluate --predictions ours.jsonl theirs.csv --data dataset --at 5,10,20,50\n"
      "Metrics, slices, intervals and measures: docs/evaluation.md.");
  command->callback([arguments, budget] {
    check_belongs(budget, arguments->baselines == "tuned", "--baselines tuned");
    if (arguments->all && arguments->json == "-") {
      fail_usage("--all is of what people read: the JSON of --json holds it all");
    }
    evaluate(*arguments);
  });
}

}  // namespace tessera
