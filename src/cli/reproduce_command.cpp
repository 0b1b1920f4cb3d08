#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "study/runner.h"

namespace tessera {
namespace {

struct ReproduceArguments {
  std::vector<std::string> data, set;
  std::string out;
  bool quick = false;
  std::size_t seeds = 1;
  std::size_t jobs = 0;
  bool json = false;
};

std::vector<StudyData> open_data(const ReproduceArguments& arguments) {
  std::vector<StudyData> data;
  std::set<std::string> names;
  for (const std::string& source : arguments.data) {
    if (names.insert(study_data_name(source)).second) continue;
    fail_usage("--data {}: two datasets are called '{}': name their folders apart", source,
               study_data_name(source));
  }
  for (const std::string& source : arguments.data) {
    const fs::path directory = fs::path(arguments.out) / "data" / study_data_name(source);
    data.push_back(open_study_data(source, directory, shown_progress("embedding " + source)));
  }
  return data;
}

void say_finished(const StudyRun& run, bool cached) {
  if (cached) return;
  const RunResult& result = *run.result;
  fmt::print(
      "{}: {} epochs in {}; test HR@10 {:.4f}, NDCG@10 {:.4f} sampled, {:.4f}, {:.4f} full\n",
      printable(run.name), result.epochs, format_duration(result.train_seconds),
      result.sampled.hr10, result.sampled.ndcg10, result.full.hr10, result.full.ndcg10);
  std::fflush(stdout);
}

void reproduce_paper(const ReproduceArguments& arguments) {
  StudyGrid grid = study_grid(arguments.set, arguments.quick);
  const InterruptGuard guard;
  Study study = plan_study(std::move(grid), open_data(arguments), arguments.seeds, arguments.quick);
  StudyOptions options;
  options.report = arguments.out;
  options.jobs = arguments.jobs == 0 ? static_cast<std::size_t>(thread_count()) : arguments.jobs;
  options.interrupted = InterruptGuard::interrupted;
  // The bar is this session's; with such a share the time it says is the forecast's.
  constexpr double kParts = 1e6;
  Progress bar("study", static_cast<std::size_t>(kParts));
  const Stopwatch watch;
  options.on_status = [&](const StudyStatus& status) {
    if (!status.forecast.known) return;
    const double share = watch.seconds() / (watch.seconds() + status.forecast.left);
    bar.update(static_cast<std::size_t>(kParts * share),
               fmt::format("{} of {} models; {}", status.finished, status.total, status.current));
  };
  std::size_t cached = 0;
  options.on_finished = [&](const StudyRun& run, bool before) {
    cached += before ? 1 : 0;
    if (!arguments.json) say_finished(run, before);
  };
  const std::string page = (options.report / "index.html").string();
  if (!arguments.json) {
    fmt::print("{} models to train; look at {} meanwhile\n", study.runs.size(), printable(page));
    std::fflush(stdout);
  }
  if (!run_study(study, options)) {
    fail("interrupted with {} of {} models finished: all is kept; the same command goes on",
         study.finished(), study.runs.size());
  }
  const std::string json = (options.report / "report.json").string();
  if (arguments.json) {
    return print_json({{"page", page},
                       {"report", json},
                       {"models", study.runs.size()},
                       {"trained_now", study.runs.size() - cached}});
  }
  fmt::print("{}: {} models ({} trained now); figures for programs in {}\n", printable(page),
             study.runs.size(), study.runs.size() - cached, printable(json));
}

}  // namespace

void add_reproduce(CLI::App& app) {
  CLI::App* reproduce = app.add_subcommand("reproduce", "Train and measure a published study");
  reproduce->require_subcommand(1);
  auto arguments = std::make_shared<ReproduceArguments>();
  CLI::App* paper = reproduce->add_subcommand(
      "paper", "Unified semantic and ID tokens (Lin et al. 2025): every figure beside the paper's");
  paper
      ->add_option("--data", arguments->data,
                   "Folder with interactions.txt, item_text.json and, if there are given ones,\n"
                   "negatives.txt.gz; or an embedded dataset directory. May be repeated")
      ->required();
  paper->add_option("--out", arguments->out, "Folder of the report, the models and all results")
      ->required()
      ->check(kNotEmpty);
  paper->add_flag("--quick", arguments->quick,
                  "A look in under ten minutes: fewer models, a few epochs, nothing converged");
  paper->add_option("--seeds", arguments->seeds, "Models with seeds 1 to N; tables show deviations")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  paper->add_option("--set", arguments->set,
                    "One setting of every recipe, key=value; may be repeated");
  paper
      ->add_option("--jobs", arguments->jobs,
                   "Models to train at a time, one thread each (default: as many as threads);\n"
                   "1: one model on all threads")
      ->check(CLI::Range(1, 1024));
  paper->add_flag("--json", arguments->json, "Print where the report is, for programs");
  paper->footer(
      "Ctrl-C keeps everything, and the same command goes on where it stopped. The page can be\n"
      "looked at meanwhile. Nothing of it is chosen on the test split.\n\n"
      "Examples:\n  tessera reproduce paper --data beauty --out report --quick\n"
      "  tessera reproduce paper --data beauty --data sports --out report --seeds 3");
  paper->callback([arguments] { reproduce_paper(*arguments); });
}

}  // namespace tessera
