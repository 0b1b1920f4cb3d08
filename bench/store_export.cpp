// How fast events come out of a RocksDB state, and what it takes to open one of an older version.
//
//     bench_store_export FOLDER [USERS] [EVENTS]     (1,000,000 users with 10 events each)
//
// Makes a state as version 2 of the schema left it, opens it (which migrates it), appends an event,
// exports every event, and prints seconds, events a second and the peak of memory.
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <sys/resource.h>

#include <cstdlib>

#include "base/progress.h"
#include "base/random.h"
#include "store/export.h"
#include "store/rocks_reading.h"

namespace {

using namespace tessera;

std::string user_of(std::size_t n) { return fmt::format("U{:09}", n); }

/// A state with users who all did as much, in records of version 2.
void fill(const std::string& state, std::size_t users, std::size_t events) {
  rocksdb::DB* opened = nullptr;
  fs::create_directories(state);
  check_rocks(state, rocksdb::DB::Open(rocks_options(1000), state, &opened));
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions fast;
  fast.disableWAL = true;
  check_rocks(state, db->Put(fast, "schema", "2"));
  Random random(7, {1});
  std::vector<std::string> items(events);
  for (std::size_t u = 0; u < users; ++u) {
    HistoryRecord record;
    for (std::string& item : items) {
      item = fmt::format("I{:07}", random.below(200'000));
      record.events.push_back(item);
    }
    check_rocks(state, db->Merge(fast, kHistoryPrefix + user_of(u), encode_history(record)));
  }
  check_rocks(state, db->Flush({}));
}

double peak_mebibytes() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) {
    fmt::print("usage: bench_store_export FOLDER [USERS] [EVENTS]\n");
    return 2;
  }
  const fs::path folder = words[1];
  const std::size_t users = count > 2 ? std::strtoull(words[2], nullptr, 10) : 1'000'000;
  const std::size_t events = count > 3 ? std::strtoull(words[3], nullptr, 10) : 10;
  const std::string state = (folder / "state").string();
  if (fs::exists(state)) {
    fmt::print(stderr, "{}: is there already; name another folder\n", state);
    return 1;
  }
  Stopwatch watch;
  fill(state, users, events);
  fmt::print("filled: {} users, {} events of version 2, {:.1f} s, peak {:.0f} MiB\n", users,
             users * events, watch.seconds(), peak_mebibytes());
  {
    watch = Stopwatch();
    const auto store = open_store(state);
    fmt::print("opened and migrated: {:.3f} s\n", watch.seconds());
    watch = Stopwatch();
    const std::vector<StoredEvent> one = {{"I0000001", "view"}};
    store->append_events(user_of(users / 2), one, "key");
    fmt::print("first append: {:.4f} s\n", watch.seconds());
  }
  for (const char* round : {"as it was", "again"}) {
    watch = Stopwatch();
    const ExportReport report =
        export_events(*open_state(state), {.source = state, .out = folder / "events.jsonl"});
    fmt::print("exported ({}): {} events in {:.2f} s, {:.0f} a second, peak {:.0f} MiB\n", round,
               report.events, watch.seconds(), static_cast<double>(report.events) / watch.seconds(),
               peak_mebibytes());
  }
  {
    StoreOptions fast;
    set_sync(fast, "none");
    const auto store = open_store(state, fast);
    watch = Stopwatch();
    const std::vector<StoredEvent> some = {{"I0000001", "view"}, {"I0000002", "purchase", 3.0F}};
    for (std::size_t u = 0; u < users; ++u) store->append_events(user_of(u), some, "");
    fmt::print("appended to every user: {:.1f} s\n", watch.seconds());
  }
  watch = Stopwatch();
  const ExportReport report =
      export_events(*open_state(state), {.source = state, .out = folder / "events.jsonl"});
  fmt::print("exported (both versions): {} events in {:.2f} s, {:.0f} a second, peak {:.0f} MiB\n",
             report.events, watch.seconds(), static_cast<double>(report.events) / watch.seconds(),
             peak_mebibytes());
  return 0;
}
