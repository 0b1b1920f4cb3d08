#include "refresh/refresh.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <unordered_set>

#include "base/folders.h"
#include "data/embed.h"
#include "eval/report.h"
#include "formats/records.h"
#include "model/seen.h"
#include "store/export.h"
#include "text/text_encoder_file.h"
#include "train/settings_by_data.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr const char* kCurrent = "current";
constexpr const char* kRefused = "refused";
constexpr const char* kLog = "refresh.jsonl";
// In a bundle that is not finished: what it is made of.
constexpr const char* kMarker = ".refreshing";

// The numbers of the bundles in the folder, ascending.
std::vector<std::size_t> numbers_in(const fs::path& models) {
  std::vector<std::size_t> numbers;
  for (const auto& entry : fs::directory_iterator(models)) {
    const std::string name = entry.path().filename().string();
    const bool digits = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    if (entry.is_directory() && name.size() == 6 && digits) numbers.push_back(std::stoul(name));
  }
  std::ranges::sort(numbers);
  return numbers;
}

fs::path bundle_of(const fs::path& models, std::size_t number) {
  return models / fmt::format("{:06}", number);
}

// The dataset that a bundle was trained on.
fs::path data_of(fs::path bundle) { return bundle += ".data"; }

// The bundle that `current` names; empty if there is none.
fs::path current_of(const fs::path& models) {
  std::error_code none;
  const fs::path target = fs::read_symlink(models / kCurrent, none);
  if (none) {
    if (fs::exists(fs::symlink_status(models / kCurrent))) {
      fail("{}: is no link to a bundle: move it away", (models / kCurrent).string());
    }
    return {};
  }
  const fs::path bundle = models / target;
  if (!fs::exists(bundle / "config.json")) {
    fail("{}: names {}, which is no bundle", (models / kCurrent).string(), bundle.string());
  }
  return bundle;
}

void put_in_place(const fs::path& models, const fs::path& bundle) {
  const fs::path beside = models / ".current";
  std::error_code ignored;
  fs::remove(beside, ignored);
  try {
    fs::create_directory_symlink(bundle.filename(), beside);
    fs::rename(beside, models / kCurrent);
  } catch (const fs::filesystem_error& error) {
    fail("{}: cannot be put in place: {}", bundle.string(), error.code().message());
  }
}

// By the shell; what it prints goes where the program's own output goes.
void run(const std::string& command, const char* key) {
  if (command.empty()) return;
  const int status = std::system(command.c_str());  // NOLINT: what the settings ask for
  if (status == 0) return;
  if (status != -1 && WIFSIGNALED(status)) fail("'{}' was ended by a signal: {}", key, command);
  fail("'{}' failed with exit status {}: {}", key, status == -1 ? -1 : WEXITSTATUS(status),
       command);
}

std::string now_in_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%FT%TZ", &utc)};
}

Json note(const RefreshSettings& settings, Json line) {
  line["time"] = now_in_utc();
  const fs::path file = settings.models / kLog;
  write_file(file, (fs::exists(file) ? read_file(file) : "") + dump_json(line) + "\n");
  return line;
}

// One refresh at work.
struct Refresh {
  const RefreshSettings& settings;
  const RefreshListener& listener;
  fs::path current;  ///< empty: none yet
  fs::path next;

  fs::path data() const { return data_of(next); }
  /// What the next one is trained from; empty: from nothing.
  fs::path from() const {
    const std::size_t every = settings.fresh_every;
    const bool fresh = every > 0 && std::stoul(next.filename().string()) % every == 0;
    return fresh ? fs::path() : current;
  }
  /// What the service's state gave, until it is in the dataset.
  fs::path events() const { return beside(".events.jsonl"); }
  fs::path items() const { return beside(".items.jsonl"); }

 private:
  fs::path beside(const char* ending) const {
    fs::path path = next;
    return path += ending;
  }
};

// A state of another shop would spoil the model without a word.
void doubt_events(const Refresh& work, std::size_t events, std::size_t known) {
  constexpr std::size_t kFew = 100;
  if (work.current.empty() || events < kFew || 100 * known >= events) return;
  work.listener.say(fmt::format(
      "warning: of {} events of {} only {} are with items that the current model knows: is it the "
      "state of another shop?",
      events, work.settings.state, known));
}

void export_state(const Refresh& work) {
  const RefreshSettings& settings = work.settings;
  if (settings.state.empty() || fs::exists(work.items())) return;
  const std::unique_ptr<StoredState> state = open_state(settings.state);
  std::unordered_set<std::string> known_items;
  if (!work.current.empty()) {
    for (const CatalogueItem& item : read_bundle_items(work.current)) known_items.insert(item.id);
  }
  std::size_t known = 0;
  ExportOptions options{.source = settings.state, .out = work.events()};
  options.progress = work.listener.exporting;
  options.interrupted = work.listener.interrupted;
  options.seen = [&](const StoredEvent& event) { known += known_items.count(event.item); };
  const ExportReport events = export_events(*state, options);
  if (!events.finished) fail("interrupted; the current model stays");
  if (events.events == 0 && settings.prepare.options.interactions.empty()) {
    fail("{}: holds no event, and no 'interactions' are named: nothing to train on",
         settings.state);
  }
  options.out = work.items();
  const ExportReport items = export_items(*state, options);
  work.listener.say(fmt::format("exported {} events of {} users and {} items of the service",
                                events.events, events.users, items.events));
  doubt_events(work, events.events, known);
  if (events.ahead > 0) {
    work.listener.say(fmt::format(
        "warning: {} events are dated more than a day ahead of this machine's clock, which may "
        "have gone back: they count as the latest",
        events.ahead));
  }
}

// The request with what the state gave: what is in the log as well counts once.
PrepareRequest request_of(const Refresh& work) {
  PrepareRequest request = work.settings.prepare;
  if (work.settings.state.empty()) return request;
  const std::string format(kExportFormat);
  request.options.interactions.emplace_back(format + ":" + work.events().string());
  request.options.items.emplace_back(format + ":" + work.items().string());
  if (request.duplicates == "keep") request.duplicates = "event";
  return request;
}

void prepare_data(const Refresh& work) {
  if (fs::exists(work.data() / "dataset.json")) {  // which is written last
    return work.listener.say("goes on with the dataset of an interrupted refresh");
  }
  fs::remove_all(work.data());  // of a writing that did not come to its end
  export_state(work);
  PrepareOptions options;
  try {
    options = options_of(request_of(work));
  } catch (const UsageError& error) {
    throw Error(error.what());
  }
  if (options.name.empty()) options.name = "refresh";
  options.watcher = [&](std::uint64_t done, std::uint64_t total) {
    if (work.listener.interrupted()) fail("interrupted; the current model stays");
    if (work.listener.reading && total > 0) work.listener.reading(done, total);
  };
  PrepareReport report;
  const Dataset data = prepare(options, report);
  write_dataset(work.data(), data, dump_json(summarise(data, report), 2) + "\n");
  std::error_code ignored;
  fs::remove(work.events(), ignored);
  fs::remove(work.items(), ignored);
  for (const std::string& warning : report.warnings) work.listener.say("warning: " + warning);
  work.listener.say(fmt::format("prepared {} users, {} items, {} events", data.users(),
                                data.items.size(), data.events.size()));
}

// Whether what an interrupted refresh left is of the same settings.
bool may_go_on(const Refresh& work) {
  const fs::path marker = work.next / kMarker;
  return fs::exists(marker) && read_file(marker) == work.settings.made_of;
}

void forget_next(const Refresh& work) {
  for (const fs::path& left : {work.next, work.data(), work.events(), work.items()}) {
    fs::remove_all(left);
  }
}

// An empty folder for the next bundle, but for what tells the settings that it is of.
void begin_next(const Refresh& work) {
  fs::remove_all(work.next);
  make_directory(work.next);
  write_file(work.next / kMarker, work.settings.made_of);
}

// Whether some user's target is one that the current model has not seen: on others the gate could
// compare nothing, and there is nothing to learn.
bool something_new(const Refresh& work) {
  if (work.current.empty()) return true;
  const Json config = read_config(work.current);
  Dataset data = read_dataset(work.data());
  if (config.contains("seen")) leave_out_seen(data, config.at("seen"));
  return !evaluated_users(data, EvaluateOptions{}.split).empty();
}

void embed_data(const Refresh& work, const Settings& training) {
  if (!training.has_semantics() || fs::exists(work.data() / kEmbeddingsFile)) return;
  if (work.current.empty()) {
    embed_by_text(work.data(), {.progress = work.listener.factorising}, work.listener.embedding);
    return;
  }
  const EmbedReport report = embed_as(work.data(), work.current, work.listener.embedding);
  work.listener.say(fmt::format("embedded {} items; {} of {} words are new and not read",
                                report.items, report.unread_words, report.words));
}

TrainOptions training_of(const Refresh& work) {
  TrainOptions options;
  options.data_directory = work.data();
  options.bundle = work.next;
  options.from = work.from();
  options.keep_tokens = work.settings.keep_tokens && !options.from.empty();
  options.refit = work.settings.refit;
  if (options.from.empty()) {
    options.settings = recipe(work.settings.recipe);
    apply_settings(options.settings, work.settings.set);
    // A service takes items between trainings, which ID tokens alone could not: they are not chosen
    // where there are texts.
    if (options.settings.tokens == Tokens::automatic) {
      options.settings.tokens = tokens_by_data(read_dataset(work.data()));
    }
  } else {
    options.settings = warm_settings(options.from);
  }
  options.interrupted = work.listener.interrupted;
  options.on_step = work.listener.on_step;
  options.on_epoch = work.listener.on_epoch;
  return options;
}

void train_next(const Refresh& work, TrainOptions options) {
  options.resume = fs::exists(work.next / kCheckpointFile) ||
                   fs::exists(work.next / kSelection / kCheckpointFile);
  if (options.resume) {
    options.refit = false;  // it knows
  } else {                  // what was killed before its first checkpoint begins anew
    begin_next(work);
  }
  if (!train(options).finished) {
    fail("interrupted; the current model stays, and the next refresh goes on");
  }
}

// Of the new model and the current one on users whose target neither has seen; null if there is no
// current one.
Json compare(const Refresh& work) {
  if (work.current.empty()) return nullptr;
  EvaluateOptions options;
  options.model = work.settings.refit ? work.next / kSelection : work.next;
  options.compare = work.current;
  options.data = work.data();
  options.newer = true;
  options.progress = work.listener.ranking;
  const EvaluationReport report = evaluate(options);
  const std::string& metric = work.settings.metric;
  const Json& difference = report.json.at("difference").at(metric);
  return {{"metric", metric},
          {"users", report.json.at("users")},
          {"next", report.json.at("metrics").at(metric)},
          {"current", report.json.at("compared").at(metric)},
          {"difference", difference}};
}

void refuse(const Refresh& work, const Json& gate) {
  const fs::path aside = work.settings.models / kRefused;
  fs::remove_all(aside);
  fs::rename(work.next, aside);
  fs::remove_all(work.data());
  const std::string why = fmt::format(
      "{} of the new model is {:.4f} where the current one has {:.4f} ({} users): it "
      "stays, and the new one lies in {}",
      gate.at("metric").get<std::string>(), gate.at("next").get<double>(),
      gate.at("current").get<double>(), gate.at("users").get<std::size_t>(), aside.string());
  note(work.settings, {{"done", "refused"}, {"gate", gate}});
  throw GateRefused(why);
}

void remove_oldest(const RefreshSettings& settings, const fs::path& current) {
  std::vector<std::size_t> numbers = numbers_in(settings.models);
  const std::size_t excess = numbers.size() - std::min(numbers.size(), settings.keep);
  std::error_code ignored;
  for (const std::size_t number : std::span(numbers).first(excess)) {
    const fs::path bundle = bundle_of(settings.models, number);
    if (bundle.filename() == current.filename()) continue;
    fs::remove_all(bundle, ignored);
    fs::remove_all(data_of(bundle), ignored);
  }
}

}  // namespace

Json refresh(const RefreshSettings& settings, const RefreshListener& listener) {
  check_folder(settings.models, Folder::models);
  const Stopwatch watch;
  const FolderLock lock(settings.models, Folder::models);
  Refresh work{settings, listener, current_of(settings.models), {}};
  // A number behind the current one is that of a refresh which did not come to its end, or was
  // rolled back.
  const std::vector<std::size_t> numbers = numbers_in(settings.models);
  const std::size_t last = numbers.empty() ? 0 : numbers.back();
  const fs::path latest = bundle_of(settings.models, last);
  const bool begun = last > 0 && latest.filename() != work.current.filename() &&
                     (fs::exists(latest / kMarker) || !fs::exists(latest / "config.json"));
  work.next = bundle_of(settings.models, begun ? last : last + 1);
  if (!begun || !may_go_on(work)) {
    forget_next(work);
    run(settings.before, "before");
  }
  if (!fs::exists(work.next / kMarker)) begin_next(work);
  prepare_data(work);
  if (!something_new(work)) {
    forget_next(work);
    listener.say("nobody chose anything that the current model has not seen: it stays");
    return note(settings, {{"done", "nothing new"}, {"bundle", work.current.filename().string()}});
  }
  const TrainOptions training = training_of(work);
  embed_data(work, training.settings);
  train_next(work, training);
  const Json gate = compare(work);
  if (!gate.is_null() && gate.at("next").get<double>() <
                             (1.0 - settings.worse_by) * gate.at("current").get<double>()) {
    refuse(work, gate);
  }
  put_in_place(settings.models, work.next);  // first: what has no marker is not gone on with
  fs::remove(work.next / kMarker);
  remove_oldest(settings, work.next);
  const Json line = note(settings, {{"done", "replaced"},
                                    {"bundle", work.next.filename().string()},
                                    {"gate", gate},
                                    {"seconds", watch.seconds()}});
  run(settings.after, "after");
  return line;
}

Json rollback(const RefreshSettings& settings) {
  const FolderLock lock(settings.models, Folder::models);
  const fs::path current = current_of(settings.models);
  if (current.empty()) fail("{}: no bundle is in place", settings.models.string());
  std::vector<std::size_t> numbers = numbers_in(settings.models);
  std::erase_if(numbers, [&](std::size_t number) {
    const fs::path bundle = bundle_of(settings.models, number);
    return bundle.filename() >= current.filename() || !fs::exists(bundle / "config.json");
  });
  if (numbers.empty()) {
    fail("{}: there is no bundle before {}", settings.models.string(), current.string());
  }
  const fs::path earlier = bundle_of(settings.models, numbers.back());
  put_in_place(settings.models, earlier);
  const Json line = note(settings, {{"done", "rolled back"},
                                    {"bundle", earlier.filename().string()},
                                    {"from", current.filename().string()}});
  run(settings.after, "after");
  return line;
}

}  // namespace tessera
