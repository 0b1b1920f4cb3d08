#include "serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "base/item_set.h"
#include "serve/log.h"

namespace tessera {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

// Seconds: from a tenth of a millisecond, where a recommendation lies, to what is surely wrong.
const Histogram::BucketBoundaries& buckets() {
  static const Histogram::BucketBoundaries boundaries = {
      0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2};
  return boundaries;
}

}  // namespace

struct ServiceMetrics::State {
  prometheus::Registry registry;
  Family<Counter>& counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }

  Family<Counter>& requests =
      counters("tessera_requests_total", "Requests answered, by method, route and status");
  Family<Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("tessera_request_seconds")
          .Help("Time from a request read to its answer ready, by method and route")
          .Register(registry);
  Gauge& connections = gauges("tessera_connections", "Open connections").Add({});
  Counter& refused = counters("tessera_refused_connections_total",
                              "Connections turned away because there were too many")
                         .Add({});
  Counter& store_failures =
      counters("tessera_store_failures_total", "Calls that the store could not carry out").Add({});
  Counter& followed = counters("tessera_followed_changes_total",
                               "Changes of items and attributes by other replicas that came here")
                          .Add({});
  Family<Counter>& reloads =
      counters("tessera_reloads_total", "Attempts to load the bundle anew, by result");
  Family<Gauge>& items = gauges("tessera_items", "Items that can be recommended, by kind");

  Family<Counter>& lists = counters(
      "tessera_lists_total",
      "Lists answered, by what they were made of: model, blend, trending, popular, newest");
  Counter& empty_lists =
      counters("tessera_empty_lists_total", "Lists answered without an item").Add({});
  Family<Counter>& listed = counters("tessera_listed_items_total",
                                     "Places of lists, by kind of item: known to training, or new");
  Gauge& distinct = gauges("tessera_listed_items_distinct",
                           "Different items in lists since the model came into use; beside "
                           "tessera_items it is the coverage")
                        .Add({});
  Gauge& resident =
      gauges("process_resident_memory_bytes", "Resident memory size in bytes").Add({});
  Gauge& cpu =
      gauges("process_cpu_seconds_total", "Total user and system CPU time in seconds").Add({});
  Gauge& descriptors = gauges("process_open_fds", "Number of open file descriptors").Add({});
  Gauge& started =
      gauges("process_start_time_seconds", "Start time of the process in seconds since 1970")
          .Add({});
  Counter& listed_new = listed.Add({{"kind", "new"}});
  Counter& listed_known = listed.Add({{"kind", "known"}});
  std::mutex lists_mutex;  // guards what follows
  std::map<std::string, Counter*, std::less<>> lists_from;
  ItemSet seen;
  std::size_t seen_count = 0;

  Gauge& dropped_lines = gauges("tessera_log_lines_dropped",
                                "Lines of the logs that were dropped because nobody took them")
                             .Add({});
  std::vector<const Log*> logs;

  // Whether a refresh is due.
  Gauge& age =
      gauges("tessera_model_age_seconds", "Time since the model in use was written").Add({});
  Family<Counter>& asked =
      counters("tessera_histories_total",
               "Histories and events of requests, by whether the model knew all items of them");
  Counter& all_known = asked.Add({{"items", "known"}});
  Counter& some_unknown = asked.Add({{"items", "unknown"}});
  Counter& watched =
      counters("tessera_watched_events_total",
               "Stored events that were ranked against the history before them, a sample")
          .Add({});
  Counter& hits = counters("tessera_watched_hits_total",
                           "Those of them whose item was among the ten best: their share is HR@10")
                      .Add({});
  std::chrono::system_clock::time_point written{};
  Freshness before{};  // what the counters were when the model came into use

  // The families look metrics up by hashing their labels; these remember what was found.
  using Key = std::tuple<std::string, std::string, int>;
  mutable std::shared_mutex mutex;
  std::map<Key, std::pair<Counter*, Histogram*>, std::less<>> known;

  double age_now() const {
    if (written == std::chrono::system_clock::time_point{}) return 0;
    const auto now = std::chrono::system_clock::now();
    return std::max(0.0, std::chrono::duration<double>(now - written).count());
  }
  Freshness counted() const {
    const auto count = [](const Counter& counter) {
      return static_cast<std::uint64_t>(counter.Value());
    };
    return {.requests = count(all_known) + count(some_unknown),
            .with_unknown_items = count(some_unknown),
            .watched_events = count(watched),
            .hits = count(hits)};
  }
};

ServiceMetrics::ServiceMetrics() : state_(new State) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state_->started.Set(std::chrono::duration<double>(now).count());
  prometheus::BuildGauge()
      .Name("tessera_build_info")
      .Help("1, with the version of the program")
      .Register(state_->registry)
      .Add({{"version", TESSERA_VERSION}})
      .Set(1.0);
}
ServiceMetrics::~ServiceMetrics() = default;

void ServiceMetrics::count_request(std::string_view method, std::string_view route, int status,
                                   double seconds) {
  const auto key = std::tuple(method, route, status);
  std::pair<Counter*, Histogram*> metrics;
  {
    const std::shared_lock lock(state_->mutex);
    const auto found = state_->known.find(key);
    if (found != state_->known.end()) metrics = found->second;
  }
  if (metrics.first == nullptr) {
    const std::string method_name(method);
    const std::string route_name(route);
    metrics = {
        &state_->requests.Add(
            {{"method", method_name}, {"route", route_name}, {"status", std::to_string(status)}}),
        &state_->seconds.Add({{"method", method_name}, {"route", route_name}}, buckets())};
    const std::unique_lock lock(state_->mutex);
    state_->known.emplace(State::Key(method_name, route_name, status), metrics);
  }
  metrics.first->Increment();
  metrics.second->Observe(seconds);
}

void ServiceMetrics::count_connections(int change) { state_->connections.Increment(change); }

void ServiceMetrics::count_refused_connection() { state_->refused.Increment(); }

void ServiceMetrics::count_followed(std::size_t changes) {
  state_->followed.Increment(static_cast<double>(changes));
}
void ServiceMetrics::count_store_failure() { state_->store_failures.Increment(); }

void ServiceMetrics::count_reload(bool succeeded) {
  state_->reloads.Add({{"result", succeeded ? "done" : "failed"}}).Increment();
}

void ServiceMetrics::set_items(std::size_t items, std::size_t live) {
  state_->items.Add({{"kind", "all"}}).Set(static_cast<double>(items));
  state_->items.Add({{"kind", "live"}}).Set(static_cast<double>(live));
}

void ServiceMetrics::count_items_asked(bool all_known) {
  (all_known ? state_->all_known : state_->some_unknown).Increment();
}

void ServiceMetrics::count_watched(bool hit) {
  state_->watched.Increment();
  if (hit) state_->hits.Increment();
}

void ServiceMetrics::set_model(std::chrono::system_clock::time_point written) {
  const std::unique_lock lock(state_->mutex);
  state_->written = written;
  state_->before = state_->counted();
  const std::lock_guard lists(state_->lists_mutex);
  state_->seen = ItemSet();  // another model's numbers are of other items
  state_->seen_count = 0;
}

ServiceMetrics::Freshness ServiceMetrics::freshness() const {
  const std::shared_lock lock(state_->mutex);
  Freshness now = state_->counted();
  const Freshness& before = state_->before;
  now.age_seconds = state_->age_now();
  now.requests -= before.requests;
  now.with_unknown_items -= before.with_unknown_items;
  now.watched_events -= before.watched_events;
  now.hits -= before.hits;
  return now;
}

void ServiceMetrics::note_list(std::string_view from, std::span<const std::int32_t> items,
                               std::size_t known) {
  const std::lock_guard lock(state_->lists_mutex);
  auto list = state_->lists_from.find(from);
  if (list == state_->lists_from.end()) {
    Counter& counter = state_->lists.Add({{"from", std::string(from)}});
    list = state_->lists_from.emplace(from, &counter).first;
  }
  list->second->Increment();
  if (items.empty()) return state_->empty_lists.Increment();
  const auto fresh = std::ranges::count_if(
      items, [&](std::int32_t item) { return std::cmp_greater_equal(item, known); });
  const auto learned = std::ssize(items) - fresh;
  if (fresh > 0) state_->listed_new.Increment(static_cast<double>(fresh));
  if (learned > 0) state_->listed_known.Increment(static_cast<double>(learned));
  for (const std::int32_t item : items) {
    if (state_->seen.contains(item)) continue;
    state_->seen.insert(item);
    ++state_->seen_count;
  }
}

void ServiceMetrics::watch(const Log& log) {
  const std::unique_lock lock(state_->mutex);
  if (std::ranges::find(state_->logs, &log) == state_->logs.end()) state_->logs.push_back(&log);
}

void ServiceMetrics::set_process() const {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  state_->cpu.Set(seconds(used.ru_utime) + seconds(used.ru_stime));
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  if (statm >> pages >> resident) {
    state_->resident.Set(static_cast<double>(resident) * static_cast<double>(::getpagesize()));
  }
  std::error_code unknown;
  const std::filesystem::directory_iterator open("/proc/self/fd", unknown);
  if (!unknown) state_->descriptors.Set(static_cast<double>(std::distance(begin(open), end(open))));
}

std::string ServiceMetrics::text() const {
  {
    const std::shared_lock lock(state_->mutex);
    std::uint64_t dropped = 0;
    for (const Log* log : state_->logs) dropped += log->dropped();
    state_->dropped_lines.Set(static_cast<double>(dropped));
    state_->age.Set(state_->age_now());
    set_process();
  }
  {
    const std::lock_guard lock(state_->lists_mutex);
    state_->distinct.Set(static_cast<double>(state_->seen_count));
  }
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace tessera
