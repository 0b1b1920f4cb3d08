#include "study/runner.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "eval/report.h"
#include "study/report.h"
#include "train/trainer.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

/// Seconds between pages that show no new model.
constexpr double kPageSeconds = 30;

// Epochs of the model that finds collaborative codes, where there is one.
double first_epochs(const Settings& settings) {
  return settings.has_collaborative() ? static_cast<double>(settings.collaborative_epochs) : 0.0;
}

class Runner {
 public:
  Runner(Study& study, const StudyOptions& options) : study_(study), options_(options) {
    for (const StudyRun& run : study_.runs) {
      RunTiming timing;
      timing.kind = fmt::format("{}/{}/{}", study_.data[run.dataset].name, run.settings.recipe,
                                run.settings.tokens);
      timing.most = first_epochs(run.settings) + static_cast<double>(run.settings.epochs);
      timings_.push_back(std::move(timing));
    }
    running_.resize(study_.runs.size());
  }

  bool run() {
    find_results();
    publish();
    if (options_.jobs <= 1) {
      work();
    } else {
      std::vector<std::jthread> workers;
      for (std::size_t i = 0; i < std::min(options_.jobs, study_.runs.size()); ++i) {
        workers.emplace_back([this] {
          work_alone();
          work();
        });
      }
    }
    running_now_ = false;
    publish();
    if (error_) std::rethrow_exception(error_);
    return study_.finished() == study_.runs.size();
  }

 private:
  fs::path model_of(const StudyRun& run) const { return options_.report / "models" / run.name; }
  fs::path record_of(const StudyRun& run) const {
    return options_.report / "results" / (run.name + ".json");
  }

  // A run's record: its settings and data from the start, its result once it is finished.
  void write_record(const StudyRun& run) const {
    const fs::path file = record_of(run);
    make_directory(file.parent_path());
    write_file(file, dump_json({{"settings", to_json(run.settings)},
                                {"fingerprint", study_.data[run.dataset].fingerprint},
                                {"result", run.result ? to_json(*run.result) : Json(nullptr)}},
                               1) +
                         "\n");
  }

  // What earlier runs of the program left. Throws before anything is written.
  void find_results() {
    for (std::size_t r = 0; r < study_.runs.size(); ++r) {
      StudyRun& run = study_.runs[r];
      const fs::path file = record_of(run);
      if (!fs::exists(file)) continue;
      const Json record = read_json(file);
      check_record(run, record, file);
      if (record.at("result").is_null()) {
        begin_timing(r);
        continue;
      }
      run.result = result_from_json(record.at("result"), file.string());
      finish_timing(r);
      if (options_.on_finished) options_.on_finished(run, true);
    }
  }

  void check_record(const StudyRun& run, const Json& record, const fs::path& file) const {
    if (!record.is_object() || !record.contains("settings") || !record.contains("fingerprint") ||
        !record.contains("result")) {
      fail("{}: damaged: remove it, and the model is trained again", file.string());
    }
    bool same = record.at("fingerprint") == study_.data[run.dataset].fingerprint;
    try {
      same = same && to_json(settings_from_json(record.at("settings"))) == to_json(run.settings);
    } catch (const UsageError&) {
      same = false;  // settings of another version of the program
    }
    if (!same) {
      fail(
          "{}: a model of this name was trained with other settings or data: choose another "
          "--out, or remove {}",
          file.string(), options_.report.string());
    }
  }

  // Takes one unfinished run after the other.
  void work() {
    for (;;) {
      std::size_t run = 0;
      {
        const std::lock_guard lock(mutex_);
        while (next_ < study_.runs.size() && study_.runs[next_].result) ++next_;
        if (next_ == study_.runs.size() || stopping()) return;
        run = next_++;
      }
      try {
        if (!finish(run)) return;
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        failed_ = true;
        return;
      }
    }
  }

  bool stopping() const { return failed_ || (options_.interrupted && options_.interrupted()); }

  // Trains and measures one run; false if interrupted.
  bool finish(std::size_t r) {
    StudyRun& run = study_.runs[r];
    const TrainResult trained = train_run(r);
    if (!trained.finished || stopping()) {
      const std::lock_guard lock(mutex_);
      running_[r].clear();
      return false;
    }
    tell(r, "measured");
    RunResult result = measure(run);
    result.train_seconds = trained.seconds;
    const std::lock_guard lock(mutex_);
    run.result = std::move(result);
    write_record(run);
    finish_timing(r);
    running_[r].clear();
    if (options_.on_finished) options_.on_finished(run, false);
    publish();
    return true;
  }

  TrainResult train_run(std::size_t r) {
    const StudyRun& run = study_.runs[r];
    const StudyData& data = study_.data[run.dataset];
    TrainOptions train_options;
    train_options.data_directory = data.directory;
    train_options.bundle = model_of(run);
    train_options.negatives = data.negatives;
    train_options.settings = run.settings;
    train_options.resume =
        fs::exists(record_of(run)) && fs::exists(train_options.bundle / kCheckpointFile);
    train_options.interrupted = [this] { return stopping(); };
    train_options.on_step = [&](const StepReport& report) {
      const double before = report.first_stage ? 0.0 : first_epochs(run.settings);
      const double part = static_cast<double>(report.step) / static_cast<double>(report.steps);
      tell(r, fmt::format("{}epoch {}", report.first_stage ? "codes, " : "", report.epoch),
           before + static_cast<double>(report.epoch - 1) + part);
    };
    train_options.on_epoch = [&](const EpochReport& report) { add_epoch(r, report); };
    make_directory(train_options.bundle.parent_path());
    if (!train_options.resume) write_record(run);
    return train(train_options);
  }

  RunResult measure(const StudyRun& run) const {
    const Stopwatch watch;
    const StudyData& data = study_.data[run.dataset];
    EvaluateOptions evaluate_options;
    evaluate_options.model = model_of(run);
    evaluate_options.data = data.directory;
    const bool with_rules = run.variant == 0 && run.settings.seed == 1;
    if (with_rules) {
      evaluate_options.baselines = study_.quick ? Baselines::fixed : Baselines::tuned;
    }
    const EvaluationReport full = evaluate(evaluate_options);
    evaluate_options.protocol = "sampled";
    evaluate_options.negatives = data.negatives;
    const EvaluationReport sampled = evaluate(evaluate_options);
    RunResult result;
    result.full = full.systems.at(0).whole.metrics;
    result.sampled = sampled.systems.at(0).whole.metrics;
    result.codes = full.tokens.semantic;
    result.account = full.tokens.account;
    for (std::size_t i = 1; i < full.systems.size(); ++i) {
      result.baselines[full.systems[i].whole.name] = {sampled.systems.at(i).whole.metrics,
                                                      full.systems[i].whole.metrics};
    }
    const Json config = read_json(model_of(run) / "config.json");
    config.at("epoch").get_to(result.best_epoch);
    result.validation = metrics_from_json(config.at("validation"), 0);
    result.curve = read_curve(model_of(run) / "training.jsonl");
    result.epochs = result.curve.size();
    result.evaluate_seconds = watch.seconds();
    return result;
  }

  // The whole time of a log's epochs.
  static double seconds_of(const fs::path& log) {
    double seconds = 0;
    for_each_line(read_file(log), [&](std::string_view line, std::size_t) {
      const Json epoch = parse_json(line, log.string());
      for (const char* part : {"train", "validation"}) {
        seconds += epoch.at("seconds").at(part).get<double>();
      }
    });
    return seconds;
  }

  void begin_timing(std::size_t r) {
    const fs::path log = model_of(study_.runs[r]) / "training.jsonl";
    if (!fs::exists(log)) return;
    const std::size_t epochs = read_curve(log).size();
    if (epochs == 0) return;
    timings_[r].epochs = first_epochs(study_.runs[r].settings) + static_cast<double>(epochs);
    timings_[r].epoch_seconds = seconds_of(log) / static_cast<double>(epochs);
  }

  void finish_timing(std::size_t r) {
    const RunResult& result = *study_.runs[r].result;
    RunTiming& timing = timings_[r];
    timing.finished = true;
    timing.epochs = first_epochs(study_.runs[r].settings) + static_cast<double>(result.epochs);
    timing.epoch_seconds = result.train_seconds / std::max(1.0, timing.epochs);
    timing.evaluate_seconds = result.evaluate_seconds;
  }

  void add_epoch(std::size_t r, const EpochReport& report) {
    const std::lock_guard lock(mutex_);
    RunTiming& timing = timings_[r];
    const double first = report.first_stage ? 0.0 : first_epochs(study_.runs[r].settings);
    const double epochs = first + static_cast<double>(report.epoch);
    const double before = timing.epoch_seconds > 0 ? timing.epoch_seconds * (epochs - 1) : 0.0;
    timing.epoch_seconds = (before + report.train_seconds + report.validation_seconds) / epochs;
    timing.epochs = epochs;
    if (since_page_.seconds() > kPageSeconds) publish();
  }

  void tell(std::size_t r, const std::string& what, double epochs = -1) {
    const std::lock_guard lock(mutex_);
    running_[r] = study_.runs[r].name + " " + what;
    if (epochs >= 0) timings_[r].epochs = epochs;
    if (options_.on_status) options_.on_status(status());
  }

  StudyStatus status() const {
    StudyStatus status{running_now_, study_.finished(), study_.runs.size(),
                       forecast(timings_, options_.jobs), ""};
    for (const std::string& one : running_) {
      if (!one.empty()) status.current += (status.current.empty() ? "" : ", ") + one;
    }
    return status;
  }

  void publish() {
    write_report(study_, status(), options_.report);
    since_page_ = Stopwatch();
  }

  Study& study_;
  const StudyOptions& options_;
  std::mutex mutex_;  // of everything below, and of the results
  std::vector<RunTiming> timings_;
  std::vector<std::string> running_;  // what each run is at; empty: not at work
  std::size_t next_ = 0;
  std::exception_ptr error_;
  std::atomic<bool> failed_ = false;
  bool running_now_ = true;
  Stopwatch since_page_;
};

}  // namespace

bool run_study(Study& study, const StudyOptions& options) { return Runner(study, options).run(); }

}  // namespace tessera
