#include "tune/tune.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/folders.h"
#include "base/numbers.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "train/settings_by_data.h"
#include "train/trainer.h"
#include "tune/halving.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// What a search was asked, as tune.json holds it.
Json describe(const TuneOptions& options) {
  Json asked = {{"format_version", 1},
                {"data", fs::absolute(options.data_directory).string()},
                {"settings", to_json(options.start)},
                {"search", options.search},
                {"runs", nullptr},
                {"seconds", nullptr},
                {"negatives", ""},
                {"spent", 0.0}};
  if (!options.negatives.empty()) asked["negatives"] = fs::absolute(options.negatives).string();
  if (options.runs) asked["runs"] = *options.runs;
  if (options.seconds) asked["seconds"] = *options.seconds;
  if (!options.runs && !options.seconds) asked["runs"] = kBracket;
  return asked;
}

// What tells a model of ID tokens alone from another: what it does not read is left out.
Json stage_of(const Settings& settings) {
  Settings stage = settings.collaborative_stage();
  const Settings standard;
  stage.text_events = standard.text_events;
  stage.id_dims = standard.id_dims;
  stage.levels = standard.levels;
  stage.codebook_size = standard.codebook_size;
  stage.distance = standard.distance;
  stage.semantic_dims = standard.semantic_dims;
  stage.encoder_hidden = standard.encoder_hidden;
  stage.collaborative_tokens = standard.collaborative_tokens;
  stage.commitment_weight = standard.commitment_weight;
  stage.reconstruction_weight = standard.reconstruction_weight;
  return to_json(stage);
}

// The trainings of jobs share the threads; one alone is as `train` would have it.
void take_threads(std::size_t jobs, int threads) {
  if (jobs <= 1) return set_threads(threads);
  work_alone();  // on any CPU
  omp_set_num_threads(std::max(1, threads / static_cast<int>(jobs)));
}

// Epochs of a bracket of so many trials.
double planned_epochs(std::size_t trials, std::size_t epochs) {
  double sum = 0;
  std::size_t before = 0;
  for (std::size_t rung = 0; rung < kRungs; ++rung) {
    const std::size_t until = rung_epochs(rung, epochs);
    sum += static_cast<double>(trials * (until - before));
    before = until;
    trials = (trials + kReduction - 1) / kReduction;
  }
  return sum;
}

class Search {
 public:
  explicit Search(const TuneOptions& options);
  TuneResult run();

 private:
  struct Task {
    std::size_t trial;
    std::size_t epochs;  // to train until
  };

  bool known_trials(std::size_t bracket);
  void run_bracket(std::size_t bracket);
  std::vector<Task> tasks_of(std::span<const std::size_t> members, std::size_t rung) const;
  void run_all(std::span<const Task> tasks);
  TuneTrial train_trial(const Task& task);
  fs::path codes_for(const TrainOptions& of_trial);
  void listen(TrainOptions& options, std::size_t place, std::size_t epochs,
              std::atomic<bool>& reached);
  void keep(const TuneTrial& trial);
  void watch();
  void report();
  void discard_all_but(std::span<const std::size_t> members);
  void show_best() const;
  void write_asked();

  Settings settings_of(const Changes& changes) const;
  fs::path model(std::size_t trial) const {
    return options_.out / "models" / std::to_string(trial);
  }
  fs::path record(std::size_t trial) const {
    return options_.out / "trials" / (std::to_string(trial) + ".json");
  }
  double spent() const { return before_ + watch_.seconds(); }
  std::size_t runs() const {
    return asked_.at("runs").is_null() ? std::size_t(-1) : asked_.at("runs").get<std::size_t>();
  }

  TuneOptions options_;
  Json asked_;
  Dataset data_;
  std::optional<double> text_events_;  // what `auto` stands for
  std::vector<SearchedSetting> space_;
  std::vector<TuneTrial> trials_;
  std::vector<Changes> drawn_;  // of all trials so far
  double before_ = 0;
  Stopwatch watch_;
  std::atomic<bool> stop_ = false;
  bool interrupted_ = false;
  bool time_over_ = false;
  std::mutex mutex_;                           // of trials_ and what follows, which trainings touch
  std::map<std::size_t, double> epochs_done_;  // by trial; of its codes by kCodes + trial
  std::map<std::size_t, std::mutex> codes_;    // by the first trial that needs them
  double share_before_ = -1;

  static constexpr std::size_t kCodes = std::size_t{1} << 32U;
};

Search::Search(const TuneOptions& options) : options_(options) {
  check_folder(options.out, Folder::tuning);
  const fs::path file = options.out / kTuneFile;
  data_ = read_dataset(options.data_directory);
  if (options.resume) {
    if (!fs::exists(file)) fail("{}: no search to go on with: leave out --resume", file.string());
    asked_ = read_json(file);
    try {
      options_.start = settings_from_json(asked_.at("settings"));
      asked_.at("search").get_to(options_.search);
      options_.negatives = asked_.at("negatives").get<std::string>();
      before_ = asked_.at("spent");
    } catch (const Json::exception&) {
      fail("{}: is damaged: search again with another --out", file.string());
    }
    if (options.runs) asked_["runs"] = *options.runs;
    if (options.seconds) asked_["seconds"] = *options.seconds;
  } else {
    if (holds(options.out, Folder::tuning)) {
      fail("{}: holds a search: --resume goes on with it, another --out begins one",
           options.out.string());
    }
    // Trials are told apart by what they search, which a choice at the end of each would hide.
    Settings& start = options_.start;
    if (start.tokens == Tokens::automatic) start.tokens = tokens_by_data(data_);
    if (options_.search.empty()) options_.search = usual_search(start);
    asked_ = describe(options_);
  }
  space_ = parse_search(options_.search, options_.start);
  for (CatalogueItem& item : data_.items) std::string().swap(item.text);
  const std::string digest = fingerprint(data_);
  if (options.resume && asked_.value("fingerprint", "") != digest) {
    fail("{}: this search was made on other data: give --data as it was", file.string());
  }
  asked_["fingerprint"] = digest;
  if (options_.start.has_collaborative()) {
    text_events_ = text_events_by_data(data_, options.data_directory);
  }
}

Settings Search::settings_of(const Changes& changes) const {
  Settings settings = options_.start;
  apply_settings(settings, changes);
  if (text_events_ && settings.text_events == kAutoReal) settings.text_events = *text_events_;
  return settings;
}

void Search::write_asked() {
  asked_["spent"] = spent();
  write_file(options_.out / kTuneFile, dump_json(asked_, 1) + "\n");
}

void Search::keep(const TuneTrial& trial) {
  {
    const std::scoped_lock lock(mutex_);
    trials_[trial.number] = trial;
  }
  write_file(record(trial.number), dump_json(to_json(trial)) + "\n");
  write_asked();
  if (options_.on_trial) options_.on_trial(trial, options_.start.select);
}

// The trials of a bracket, with what is known of them; false where there are none.
bool Search::known_trials(std::size_t bracket) {
  const std::size_t first = bracket * kBracket;
  drawn_ = draw_trials(options_.start, space_, std::min(first + kBracket, runs()));
  for (std::size_t number = first; number < drawn_.size(); ++number) {
    TuneTrial trial;
    if (fs::exists(record(number))) trial = read_trial(record(number));
    trial.failure.clear();  // it is tried again
    trial.number = number;
    trial.changes = drawn_[number];
    trial.epochs = settings_by_data(settings_of(trial.changes), data_).epochs;
    epochs_done_[number] = static_cast<double>(trial.curve.size());
    trials_.push_back(std::move(trial));
  }
  return drawn_.size() > first;
}

std::vector<Search::Task> Search::tasks_of(std::span<const std::size_t> members,
                                           std::size_t rung) const {
  std::vector<Task> tasks;
  for (const std::size_t number : members) {
    const TuneTrial& trial = trials_[number];
    const std::size_t until = rung_epochs(rung, trial.epochs);
    const bool there = trial.finished || trial.curve.size() >= until;
    if (!there && trial.failure.empty()) tasks.push_back({number, until});
  }
  return tasks;
}

// Rung after rung, until one is left or something stops the search.
void Search::run_bracket(std::size_t bracket) {
  const std::string& metric = options_.start.select;
  std::vector<std::size_t> members;
  for (std::size_t n = bracket * kBracket; n < trials_.size(); ++n) members.push_back(n);
  for (std::size_t rung = 0; rung < kRungs; ++rung) {
    std::vector<std::size_t> trained = members;
    const bool without_start = std::ranges::find(members, std::size_t{0}) == members.end();
    if (bracket == 0 && without_start) trained.insert(trained.begin(), 0);
    run_all(tasks_of(trained, rung));
    if (stop_) return;
    std::vector<std::optional<double>> values;
    for (const std::size_t number : members) {
      const TuneTrial& trial = trials_[number];
      const std::size_t until = rung_epochs(rung, trial.epochs);
      values.push_back(trial.failure.empty() ? trial.value(metric, until) : std::nullopt);
    }
    std::vector<std::size_t> best;
    for (const std::size_t place : promoted(values)) best.push_back(members[place]);
    members = std::move(best);
    discard_all_but(members);
  }
  discard_all_but({});
}

// Models that neither go on nor are the best.
void Search::discard_all_but(std::span<const std::size_t> members) {
  const auto list = ranked(trials_, options_.start.select);
  for (const TuneTrial& trial : trials_) {
    const bool goes_on = std::ranges::find(members, trial.number) != members.end();
    const bool start = trial.number == 0 && !members.empty();
    const bool best = !list.empty() && list.front()->number == trial.number;
    if (!goes_on && !start && !best) fs::remove_all(model(trial.number));
  }
}

// Runs the tasks, as many at a time as there are jobs; this thread tells how far they are.
void Search::run_all(std::span<const Task> tasks) {
  std::atomic<std::size_t> next = 0;
  std::size_t working = std::min(options_.jobs, tasks.size());
  std::vector<TuneTrial> done;
  std::exception_ptr error;
  std::condition_variable changed;
  const int threads = thread_count();
  const auto work = [&] {
    take_threads(options_.jobs, threads);
    for (std::size_t i = next++; i < tasks.size() && !stop_; i = next++) {
      try {
        TuneTrial trial = train_trial(tasks[i]);
        const std::scoped_lock lock(mutex_);
        done.push_back(std::move(trial));
      } catch (...) {
        const std::scoped_lock lock(mutex_);
        if (!error) error = std::current_exception();
        stop_ = true;
      }
      changed.notify_one();
    }
    const std::scoped_lock lock(mutex_);
    --working;
    changed.notify_one();
  };
  std::vector<std::jthread> workers;
  for (std::size_t j = 0; j < std::min(options_.jobs, tasks.size()); ++j) {
    workers.emplace_back(work);
  }
  for (bool all = workers.empty(); !all;) {
    std::vector<TuneTrial> finished;
    {
      std::unique_lock lock(mutex_);
      changed.wait_for(lock, std::chrono::milliseconds(100),
                       [&] { return !done.empty() || working == 0; });
      finished.swap(done);
      all = working == 0;
    }
    try {
      for (const TuneTrial& trial : finished) keep(trial);
      watch();
    } catch (...) {  // of a full disk, or of who listens: the trainings end before it goes on
      const std::scoped_lock lock(mutex_);
      if (!error) error = std::current_exception();
      stop_ = true;
    }
  }
  workers.clear();
  if (error) std::rethrow_exception(error);
}

// Whether the search is to end before it is done, and how far it is.
void Search::watch() {
  if (options_.interrupted && options_.interrupted()) interrupted_ = true;
  const Json& seconds = asked_.at("seconds");
  if (!seconds.is_null() && spent() >= seconds.get<double>()) time_over_ = true;
  if (interrupted_ || time_over_) stop_ = true;
  report();
}

void Search::report() {
  if (!options_.on_progress || trials_.empty()) return;
  double share = 0;
  if (const std::size_t most = runs(); most != std::size_t(-1)) {
    const std::size_t epochs = trials_.front().epochs;
    double total = static_cast<double>(epochs);  // of the first trial, which always has them all
    for (std::size_t left = most; left > 0; left -= std::min(left, kBracket)) {
      total += planned_epochs(std::min(left, kBracket), epochs);
    }
    const std::scoped_lock lock(mutex_);
    double done = 0;
    for (const auto& [place, trained] : epochs_done_) {
      done += trained;
      if (place >= kCodes) total += trained;  // as many again, which is seldom far from it
    }
    share = std::min(1.0, done / total);
  }
  const Json& seconds = asked_.at("seconds");
  if (!seconds.is_null()) share = std::max(share, std::min(1.0, spent() / seconds.get<double>()));
  if (share_before_ < 0) share_before_ = share;
  options_.on_progress({share - share_before_, 1.0 - share_before_});
}

// What a training tells, and when it pauses.
void Search::listen(TrainOptions& options, std::size_t place, std::size_t epochs,
                    std::atomic<bool>& reached) {
  options.interrupted = [this, &reached] { return stop_ || reached; };
  options.on_step = [this, place](const StepReport& report) {
    const double of_epoch = static_cast<double>(report.step) / static_cast<double>(report.steps);
    const std::scoped_lock lock(mutex_);
    epochs_done_[place] = static_cast<double>(report.epoch - 1) + of_epoch;
  };
  options.on_epoch = [&reached, epochs](const EpochReport& report) {
    reached = report.epoch >= epochs;
  };
}

// The model of ID tokens alone that this trial takes its codes from, trained if nobody has yet;
// empty where the search stops meanwhile.
fs::path Search::codes_for(const TrainOptions& of_trial) {
  const Settings settings = settings_by_data(of_trial.settings, data_);
  const Json stage = stage_of(settings);
  std::size_t first = 0;
  while (stage_of(settings_by_data(settings_of(drawn_[first]), data_)) != stage) ++first;
  std::mutex* own = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    own = &codes_[first];
  }
  const std::scoped_lock alone(*own);
  TrainOptions options = of_trial;
  options.settings = settings.collaborative_stage();
  options.bundle = options_.out / "codes" / std::to_string(first);
  options.first_stage = true;
  if (fs::exists(options.bundle / "config.json")) return options.bundle;
  options.resume = fs::exists(options.bundle / kCheckpointFile);
  std::atomic<bool> reached = false;
  listen(options, kCodes + first, std::size_t(-1), reached);
  if (stop_ || !train(options).finished) return {};
  fs::remove(options.bundle / kCheckpointFile);
  return options.bundle;
}

TuneTrial Search::train_trial(const Task& task) {
  TuneTrial trial;
  {
    const std::scoped_lock lock(mutex_);
    trial = trials_[task.trial];
  }
  TrainOptions options;
  options.data_directory = options_.data_directory;
  options.negatives = options_.negatives;
  options.settings = settings_of(trial.changes);
  options.bundle = model(trial.number);
  options.resume = fs::exists(options.bundle / kCheckpointFile);
  const std::vector<Json> there = read_curve(options.bundle);
  if (options.resume && there.size() >= task.epochs) {  // before a kill that came too early to say
    trial.curve = there;
    trial.finished = there.size() >= trial.epochs;
    return trial;
  }
  std::atomic<bool> reached = false;
  listen(options, trial.number, task.epochs, reached);
  try {
    if (options.settings.has_collaborative()) {
      options.codes_from = codes_for(options);
      if (options.codes_from.empty()) return trial;
    }
    trial.finished = train(options).finished;
    trial.curve = read_curve(options.bundle);
  } catch (const Error& error) {
    if (trial.number == 0) throw;
    trial.failure = error.what();
    fs::remove_all(options.bundle);
  }
  return trial;
}

void Search::show_best() const {
  const auto list = ranked(trials_, options_.start.select);
  if (list.empty()) return;
  const fs::path link = options_.out / kTuneBest, beside = options_.out / ".best";
  std::error_code error;
  fs::remove(beside, error);
  fs::create_directory_symlink(fs::path("models") / std::to_string(list.front()->number), beside);
  fs::rename(beside, link);
}

TuneResult Search::run() {
  const FolderLock lock(options_.out, Folder::tuning);
  make_directory(options_.out / "trials");
  make_directory(options_.out / "models");
  write_asked();
  watch();
  for (std::size_t bracket = 0; !stop_ && known_trials(bracket); ++bracket) run_bracket(bracket);
  if (!stop_) fs::remove_all(options_.out / "codes");
  write_asked();
  show_best();
  TuneResult result;
  result.metric = options_.start.select;
  result.finished = !interrupted_;
  result.time_over = time_over_;
  result.seconds = spent();
  const auto list = ranked(trials_, result.metric);
  if (!list.empty()) result.best = list.front()->number;
  result.bundle = options_.out / kTuneBest;
  write_file(options_.out / kTunePage, tuning_page(asked_, trials_, result.metric));
  result.trials = std::move(trials_);
  return result;
}

}  // namespace

double seconds_of_budget(const std::string& text) {
  constexpr std::string_view kUnits = "smh";
  constexpr double kSeconds[] = {1, 60, 3600};
  const std::size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const auto number =
      parse_number<double>(std::string_view(text).substr(0, text.empty() ? 0 : text.size() - 1));
  if (unit == std::string_view::npos || !number || !(*number > 0) || !(*number < 1e7)) {
    fail_usage("--time {}: write a time as 90s, 30m or 2h", text);
  }
  return *number * kSeconds[unit];
}

Json to_json(const TuneResult& result) {
  Json trials = Json::array();
  for (const TuneTrial& trial : result.trials) {
    const std::optional<double> value = trial.value(result.metric);
    trials.push_back({{"number", trial.number},
                      {"changes", trial.changes},
                      {"value", value ? Json(*value) : Json()},
                      {"best_epoch", trial.best_epoch(result.metric)},
                      {"trained", trial.curve.size()},
                      {"epochs", trial.epochs},
                      {"finished", trial.finished},
                      {"failure", trial.failure}});
  }
  return {{"finished", result.finished},
          {"time_over", result.time_over},
          {"metric", result.metric},
          {"best", result.best ? Json(*result.best) : Json()},
          {"bundle", result.best ? Json(result.bundle.string()) : Json()},
          {"seconds", result.seconds},
          {"trials", std::move(trials)}};
}

TuneResult tune(const TuneOptions& options) { return Search(options).run(); }

}  // namespace tessera
