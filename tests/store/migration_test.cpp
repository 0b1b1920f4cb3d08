// What older versions kept: it opens, is told as it was, and grows on, whenever the program ends.
#include <fmt/format.h>
#include <rocksdb/db.h>

#include <fstream>

#include "store/rocks_reading.h"
#include "stores.h"
#include "testing/errors.h"
#include "testing/process.h"
#include "testing/small_disk.h"

namespace tessera::testing {
namespace {

namespace fs = std::filesystem;
using Events = std::vector<StoredEvent>;

// Records as versions 1 and 2 wrote them: counts and lengths in a byte each.
std::string old_strings(const Ids& texts) {
  std::string bytes(1, static_cast<char>(texts.size()));
  for (const std::string& text : texts) bytes += static_cast<char>(text.size()) + text;
  return bytes;
}
std::string old_record(int schema, const Ids& items, const Ids& keys) {
  std::string bytes = old_strings(items) + old_strings(keys);
  if (schema == 1) return bytes;
  Ids digests;
  for (std::size_t i = 0; i < keys.size(); ++i)
    digests.push_back(batch_digest(plain_events(items)));
  return bytes + old_strings(digests);
}

class Migration : public ::testing::TestWithParam<int> {
 protected:
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  std::string state() const { return path("state"); }
  /// A state as the version of this schema left it: two users, one of them in two parts that are
  /// not merged yet, and two items.
  void write_old_state(const std::string& at) const {
    fs::create_directory(at);
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocks_options(1000), at, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    const int schema = GetParam();
    EXPECT_TRUE(db->Put({}, "schema", std::to_string(schema)).ok());
    EXPECT_TRUE(db->Merge({}, "hanna", old_record(schema, {"7", "8"}, {"key"})).ok());
    EXPECT_TRUE(db->Merge({}, "hanna", old_record(schema, {"9"}, {})).ok());
    EXPECT_TRUE(db->Put({}, "hben", old_record(schema, {"1"}, {})).ok());
    EXPECT_TRUE(db->Put({}, "ilamp", encode_item({"lamp", "Lamp", "Walnut lamp"})).ok());
    EXPECT_TRUE(db->Put({}, "igone", encode_erased_item()).ok());
  }
  /// Everything that the older version had acknowledged.
  static void expect_whole(const Store& store) {
    EXPECT_EQ(store.history("anna"), (Ids{"7", "8", "9"}));
    EXPECT_EQ(store.history("ben"), Ids{"1"});
    EXPECT_EQ(store.foresee_append("anna", plain_events(Ids{"7", "8"}), "key"), Append::kRepeated);
    std::vector<StoredItem> items;
    Ids erased;
    store.for_each_item([&](const StoredItem& item) { items.push_back(item); },
                        [&](std::string_view id) { erased.emplace_back(id); });
    EXPECT_EQ(items, (std::vector<StoredItem>{{"lamp", "Lamp", "Walnut lamp"}}));
    EXPECT_EQ(erased, Ids{"gone"});
  }

 private:
  TempDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Schemas, Migration, ::testing::Values(1, 2),
                         [](const auto& schema) { return fmt::format("Of{}", schema.param); });

TEST_P(Migration, AnOlderStateIsToldAsItWasAndGrowsOn) {
  write_old_state(state());
  const auto store = open_store(state(), {.clock = [] { return 5000; }});
  expect_whole(*store);
  store->append_events("anna", Events{{"10", "purchase"}}, "next");
  EXPECT_EQ(store->history("anna"), (Ids{"7", "8", "9", "10"}));
  Events told;
  store->for_each_history("", [&](std::string_view user, std::span<const StoredEvent> events) {
    if (user == "anna") told.assign(events.begin(), events.end());
    return true;
  });
  EXPECT_EQ(told, (Events{{"7"}, {"8"}, {"9"}, {"10", "purchase", {}, 5000, 5000}}));
}

// The one step is the write of the version: before it and after it the state is whole, and what was
// appended after it is there, too, when the version is that of before again, as a crash could leave
// it if the write were not first.
TEST_P(Migration, MayEndAtEachOfItsSteps) {
  const auto version = [&](const std::string& at) {
    rocksdb::DB* opened = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open(rocks_options(1000), at, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    return schema_of(*db, at);
  };
  write_old_state(state());
  ASSERT_EQ(version(state()), GetParam());  // opened, and ended before the write
  expect_whole(*open_store(state()));       // ended behind the write
  EXPECT_EQ(version(state()), kRocksSchema);
  const auto store = open_store(state());
  expect_whole(*store);
  store->append_events("anna", plain_events(Ids{"10"}), "");
  EXPECT_EQ(store->history("anna"), (Ids{"7", "8", "9", "10"}));
}

// The write-ahead log cut off at each of its bytes is what a crash in the middle of the migration
// and the first append can leave: a prefix of what was written. Nothing from before is ever lost.
TEST_P(Migration, SurvivesALogThatEndsAnywhere) {
  write_old_state(path("old"));
  {
    const auto settled = open_state(path("old"));  // reading changes nothing
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocks_options(1000), path("old"), &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    EXPECT_EQ(schema_of(*db, "old"), GetParam());
    ASSERT_TRUE(db->Flush({}).ok());  // the old state is in tables, and the log begins empty
  }
  const auto log_of = [](const fs::path& at) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(at)) {
      if (entry.path().extension() == ".log" && entry.path() > newest) newest = entry.path();
    }
    return newest;
  };
  fs::copy(path("old"), path("new"), fs::copy_options::recursive);
  open_store(path("new"))->append_events("anna", plain_events(Ids{"10"}), "next");
  const fs::path written = log_of(path("new"));
  const auto size = fs::file_size(written);
  ASSERT_GT(size, 50U);
  bool complete = false;
  for (std::uintmax_t length = 0; length <= size; length += length + 8 < size ? 7 : 1) {
    fs::copy(path("new"), state(), fs::copy_options::recursive);
    fs::resize_file(fs::path(state()) / written.filename(), length);
    const auto store = open_store(state());
    Ids history = store->history("anna").value();
    complete = history.size() == 4;
    if (complete) {
      EXPECT_EQ(history.back(), "10");
      EXPECT_TRUE(store->erase_history("anna"));
    } else {
      expect_whole(*store);
      EXPECT_EQ(store->append_events("anna", plain_events(Ids{"10"}), "next"), Append::kDone);
      EXPECT_EQ(store->history("anna"), (Ids{"7", "8", "9", "10"}));
    }
    fs::remove_all(state());
  }
  EXPECT_TRUE(complete) << "the last length is all of it";
}

TEST_P(Migration, BackupsOfBothVersionsAreReadAndRestored) {
  write_old_state(state());
  {
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocks_options(1000), state(), &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    rocksdb::BackupEngine* engine = nullptr;
    ASSERT_TRUE(rocksdb::BackupEngine::Open(rocksdb::BackupEngineOptions(path("backup")),
                                            rocksdb::Env::Default(), &engine)
                    .ok());
    EXPECT_TRUE(engine->CreateNewBackup(db.get()).ok());
    delete engine;
  }
  {
    const auto store = open_store(state());
    store->append_events("anna", plain_events(Ids{"10"}), "");
    store->backup(path("backup"));
  }
  restore_backup(path("backup"), path("older"), 1);
  expect_whole(*open_store(path("older")));
  restore_backup(path("backup"), path("newer"), 2);
  EXPECT_EQ(open_store(path("newer"))->history("anna"), (Ids{"7", "8", "9", "10"}));
  const auto told = [](const StoredState& of) {
    std::map<std::string, std::size_t> events;
    of.for_each_history("", [&](std::string_view user, std::span<const StoredEvent> its) {
      events.emplace(user, its.size());
      return true;
    });
    return events;
  };
  using Counts = std::map<std::string, std::size_t>;
  EXPECT_EQ(told(*open_backup(path("backup"), 1)), (Counts{{"anna", 3}, {"ben", 1}}));
  EXPECT_EQ(told(*open_backup(path("backup"))), (Counts{{"anna", 4}, {"ben", 1}}));
}

TEST_P(Migration, OnAFullDiskOneLineSaysSoAndNothingIsHalfDone) {
  const SmallDisk disk(path("disk"), 8);
  if (!disk.mounted()) GTEST_SKIP() << "a small file system can only be mounted as root";
  const std::string at = path("disk") + "/state", ballast = path("disk") + "/ballast";
  write_old_state(at);
  {
    const std::string some(4096, 'x');
    std::ofstream file(ballast, std::ios::binary);
    while (file.write(some.data(), std::ssize(some)).flush()) {
    }
  }
  try {
    expect_whole(*open_store(at));  // room was left, or it is read until there is
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("disk is full"), std::string::npos) << error.what();
  }
  fs::remove(ballast);
  expect_whole(*open_store(at));
}

}  // namespace
}  // namespace tessera::testing
