// Events and items come back out of a store: as lines that nothing is missing from, in bounded
// pieces, also while a service writes.
#include "store/export.h"

#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "stores.h"
#include "testing/errors.h"
#include "testing/process.h"
#include "testing/small_disk.h"

namespace tessera::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Events = std::vector<StoredEvent>;

std::vector<Json> lines_of(const fs::path& file) {
  std::vector<Json> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

class Export : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return directory_.path() / name; }
  std::string state() const { return path("state").string(); }
  ExportOptions options(const std::string& out = "events.jsonl") const {
    return {.source = state(), .out = path(out)};
  }

 private:
  TempDirectory directory_;
};

TEST_F(Export, WritesWhatBecameOfLists) {
  {
    const auto store = open_store(state());
    store->add_feedback({1000, "r\"1", "a", "impression", {"7", "8"}});
    store->add_feedback({2000, "r2", "b", "view", {"8"}});
  }
  ExportOptions choice = options("impressions.jsonl");
  EXPECT_EQ(export_feedback(*open_state(state()), choice).events, 2U);
  const std::vector<Json> expected = {{{"time", 1000},
                                       {"request_id", "r\"1"},
                                       {"variant", "a"},
                                       {"kind", "impression"},
                                       {"items", {"7", "8"}}},
                                      {{"time", 2000},
                                       {"request_id", "r2"},
                                       {"variant", "b"},
                                       {"kind", "view"},
                                       {"items", Json::array({"8"})}}};
  EXPECT_EQ(lines_of(choice.out), expected);
  choice.since = 1500;
  EXPECT_EQ(export_feedback(*open_state(state()), choice).events, 1U) << "over the export before";
}

TEST_F(Export, WritesWhatIsKnownOfEachEvent) {
  std::int64_t now = 1'764'000'000'000;
  {
    const auto store = open_store(state(), {.clock = [&] { return now; }});
    store->append_events("an\"na\n", Events{{"7", "view", 0.5F}, {"8\t", "", {}, 1000}}, "");
    store->append_events("ben", plain_events(Ids{"7", "gone"}), "");
    store->append_events("erased", plain_events(Ids{"7"}), "");
    EXPECT_TRUE(store->erase_history("erased"));
    store->erase_item("gone");
    now += 1000;
    store->append_events("ben", plain_events(Ids{"9"}), "");
  }
  const ExportReport report = export_events(*open_state(state()), options());
  EXPECT_EQ(report.users, 2U);
  EXPECT_EQ(report.events, 4U);
  EXPECT_EQ(report.erased, 1U);
  const std::vector<Json> expected = {
      {{"user", "an\"na\n"},
       {"item", "7"},
       {"time", 1'764'000'000'000},
       {"kind", "view"},
       {"weight", 0.5}},
      {{"user", "an\"na\n"}, {"item", "8\t"}, {"time", 1000}},
      {{"user", "ben"}, {"item", "7"}, {"time", 1'764'000'000'000}},
      {{"user", "ben"}, {"item", "9"}, {"time", 1'764'000'001'000}}};
  EXPECT_EQ(lines_of(path("events.jsonl")), expected);

  ExportOptions late = options();
  late.since = 1'764'000'000'500;
  export_events(*open_state(state()), late);
  EXPECT_EQ(lines_of(path("events.jsonl")), std::vector<Json>{expected.back()});
}

TEST_F(Export, ReadsABackupByARelativePath) {
  {
    const auto store = open_store(state());
    store->append_events("anna", plain_events(Ids{"1"}), "");
    store->backup(path("backup"));
  }
  std::size_t events = 0;
  open_backup(fs::relative(path("backup")))
      ->for_each_history("", [&](std::string_view, std::span<const StoredEvent> its) {
        events += its.size();
        return true;
      });
  EXPECT_EQ(events, 1U);
}

TEST_F(Export, WritesItemsWithTheirAttributes) {
  {
    const auto store = open_store(state());
    store->put_item({"9", "Lamp", "Walnut \"lamp\"", "tokens"});
    store->put_item({"10", "", ""});
    store->put_item({"3", "x", "y"});
    store->erase_item("3");
    const std::vector<StoredAttribute> attributes = {{"price", "4.5"}, {"brand", R"(["a","b"])"}};
    store->put_attributes("9", attributes);
    store->put_attributes("of the catalogue", attributes);
  }
  export_items(*open_state(state()), options("items.jsonl"));
  EXPECT_EQ(lines_of(path("items.jsonl")),
            (std::vector<Json>{{{"id", "10"}, {"title", ""}, {"text", ""}},
                               {{"id", "9"},
                                {"title", "Lamp"},
                                {"text", "Walnut \"lamp\""},
                                {"price", 4.5},
                                {"brand", {"a", "b"}}}}));
}

TEST_F(Export, GoesOnWhereItWasInterrupted) {
  {
    StoreOptions fast;
    set_sync(fast, "none");
    const auto store = open_store(state(), fast);
    for (int i = 0; i < 200; ++i) {
      store->append_events(fmt::format("user {:03}", i), plain_events(Ids{"1", "2", "3"}), "");
    }
  }
  const auto whole = options("whole.jsonl");
  export_events(*open_state(state()), whole);
  std::size_t asked = 0;
  ExportOptions broken = options();
  for (const std::size_t limit : {70, 1, 50}) {
    broken.interrupted = [&, limit] { return ++asked > limit; };
    asked = 0;
    EXPECT_FALSE(export_events(*open_state(state()), broken).finished);
    EXPECT_FALSE(fs::exists(path("events.jsonl"))) << "nothing half-written";
    broken.resume = true;
  }
  expect_error(
      [&] {
        ExportOptions other = broken;
        other.since = 5;
        export_events(*open_state(state()), other);
      },
      {"events.jsonl", "another one", "--resume"});
  broken.interrupted = {};
  EXPECT_TRUE(export_events(*open_state(state()), broken).finished);
  EXPECT_EQ(content_of(path("events.jsonl")), content_of(path("whole.jsonl")));
  expect_error([&] { export_events(*open_state(state()), broken); }, {"no export", "--resume"});
}

TEST_F(Export, KillsNoneOfWhatAFullDiskHolds) {
  {
    const auto store = open_store(state());
    for (int i = 0; i < 300; ++i) {
      store->append_events(fmt::format("user {:03} {}", i, std::string(20'000, 'x')),
                           plain_events(Ids{"1"}), "");
    }
  }
  const SmallDisk disk(path("disk").string(), 4);
  if (!disk.mounted()) GTEST_SKIP() << "a small file system can only be mounted as root";
  ExportOptions full = options("disk/events.jsonl");
  const auto from = open_state(state());
  expect_error([&] { export_events(*from, full); }, {"events.jsonl", "No space left"});
  EXPECT_FALSE(fs::exists(path("disk/events.jsonl")));
}

TEST_F(Export, RefusesOthersFilesAndStates) {
  open_store(state())->append_events("anna", plain_events(Ids{"1"}), "");
  std::ofstream(path("letter")) << "Dear";
  expect_error([&] { export_events(*open_state(state()), options("letter")); }, {"letter"});
  EXPECT_EQ(content_of(path("letter")), "Dear");
  expect_error([&] { open_state(path("none").string()); }, {"none", "no state"});
  fs::create_directory(path("photos"));
  std::ofstream(path("photos/sea.jpg")) << "x";
  expect_error([&] { open_state(path("photos").string()); }, {"photos", "no state"});
  EXPECT_FALSE(fs::exists(path("none")));
}

// A writer that is at it all the time, over many flushes and compactions: whatever was acknowledged
// before the reading began is read, once.
TEST_F(Export, ReadsAStateThatIsWrittenTo) {
  StoreOptions fast;
  fast.history_limit = 1'000'000;
  set_sync(fast, "none");
  const auto store = open_store(state(), fast);
  std::atomic<std::size_t> acknowledged = 0;
  const std::string padding(2000, 'p');  // so that the log is moved into tables often
  const std::jthread writer([&](const std::stop_token& enough) {
    for (std::size_t n = 0; !enough.stop_requested(); ++n) {
      store->append_events(fmt::format("user {}", n % 2000),
                           Events{{fmt::format("{} {}", n, padding)}}, "");
      if (n % 20'000 == 19'999) store->purge_erased();
      acknowledged = n + 1;
    }
  });
  for (int round = 0; round < 5; ++round) {
    const std::size_t before = acknowledged + 6000;
    ASSERT_TRUE(eventually([&] { return acknowledged >= before; }));
    const std::size_t known = acknowledged;
    std::vector<std::size_t> met;
    const auto reading = open_state(state());
    reading->for_each_history("", [&](std::string_view, std::span<const StoredEvent> events) {
      for (const StoredEvent& event : events) met.push_back(std::stoull(event.item));
      return true;
    });
    std::ranges::sort(met);
    ASSERT_GE(met.size(), known);
    for (std::size_t n = 0; n < met.size(); ++n) ASSERT_EQ(met[n], n) << "lost or doubled";
  }
}

}  // namespace
}  // namespace tessera::testing
