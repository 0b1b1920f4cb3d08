// What only the embedded store promises: it survives, grows no worse, and says what is wrong.
#include <fmt/format.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "stores.h"
#include "testing/errors.h"
#include "testing/process.h"
#include "testing/small_disk.h"

namespace tessera::testing {
namespace {

namespace fs = std::filesystem;

class RocksStore : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  std::string state() const { return path("state"); }

 private:
  TempDirectory directory_;
};

/// Whether a file below the directory holds the bytes.
bool some_file_holds(const fs::path& directory, const std::string& bytes) {
  return std::ranges::any_of(fs::recursive_directory_iterator(directory), [&](const auto& entry) {
    return entry.is_regular_file() && content_of(entry.path()).find(bytes) != std::string::npos;
  });
}

TEST_F(RocksStore, IsThereAgainWhenReopened) {
  for (const char* policy : {"always", "5ms", "none"}) {
    StoreOptions options;
    set_sync(options, policy);
    const std::string user = fmt::format("user {}", policy);
    open_store(state(), options)->append_events(user, plain_events(Ids{"1"}), "a");
    const auto store = open_store(state(), options);
    EXPECT_EQ(store->append_events(user, plain_events(Ids{"1"}), "a"), Append::kRepeated);
    EXPECT_EQ(store->append_events(user, plain_events(Ids{"2"}), "b"), Append::kDone);
    EXPECT_EQ(store->history(user), (Ids{"1", "2"}));
    store->put_item({"9", policy, ""});
  }
  std::vector<StoredItem> items;
  open_store(state())->for_each_item([&](const StoredItem& item) { items.push_back(item); },
                                     [](std::string_view) {});
  EXPECT_EQ(items, (std::vector<StoredItem>{{"9", "none", ""}}));
}

TEST_F(RocksStore, KeepsAShorterHistoryOnceToldTo) {
  open_store(state())->append_events("anna", plain_events(Ids{"1", "2", "3"}), "a");
  const auto store = open_store(state(), {.history_limit = 2});
  store->append_events("anna", plain_events(Ids{"4"}), "");
  EXPECT_EQ(store->history("anna"), (Ids{"3", "4"}));
}

TEST_F(RocksStore, RemovesErasedUsersFromTheDiskWhenPurged) {
  {
    // Not a word twice: what repeats is compressed.
    const auto store = open_store(state());
    store->append_events("anna", plain_events(Ids{"5r8Kq0event"}), "Zw3pX7key");
    store->append_events("ben", plain_events(Ids{"event of ben"}), "");
    store->purge_erased();
    EXPECT_TRUE(some_file_holds(state(), "5r8Kq0event"));
    EXPECT_TRUE(store->erase_history("anna"));
    store->purge_erased();
    EXPECT_FALSE(some_file_holds(state(), "5r8Kq0event"));
    EXPECT_FALSE(some_file_holds(state(), "Zw3pX7key"));
  }
  EXPECT_EQ(open_store(state())->history("ben"), Ids{"event of ben"});
}

TEST_F(RocksStore, BelongsToOneProcess) {
  const auto store = open_store(state());
  expect_error([&] { open_store(state()); }, {state(), "in use"});
}

TEST_F(RocksStore, RefusesWhatItDoesNotKnow) {
  const auto put = [](const std::string& directory, const char* key, const char* value) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, directory, &db).ok());
    EXPECT_TRUE(db->Put({}, key, value).ok());
    delete db;
  };
  put(path("other"), "key", "value");
  expect_error([&] { open_store(path("other")); }, {path("other"), "no state of Tessera"});

  open_store(state());
  put(state(), "schema", "4");
  expect_error([&] { open_store(state()); }, {state(), "schema version '4'", "use a newer one"});
  expect_error([&] { open_state(state()); }, {state(), "schema version '4'", "use a newer one"});

  std::ofstream(path("file")) << "x";
  expect_error([&] { open_store(path("file")); }, {path("file")});
}

TEST_F(RocksStore, ReadsAStateOfTheFirstSchema) {
  open_store(state());
  {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, state(), &db).ok());
    EXPECT_TRUE(db->Put({}, "schema", "1").ok());
    EXPECT_TRUE(db->Put({}, "hanna",
                        std::string("\x01\x01"
                                    "7"
                                    "\x01\x03"
                                    "key",
                                    8))
                    .ok());
    delete db;
  }
  const auto store = open_store(state());
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"7"}), "key"), Append::kRepeated);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"8"}), "next"), Append::kDone);
  EXPECT_EQ(store->append_events("anna", plain_events(Ids{"9"}), "next"), Append::kConflict);
  EXPECT_EQ(store->history("anna"), (Ids{"7", "8"}));
}

/// Whether the owner alone can use the directory.
bool is_private(const fs::path& directory) {
  constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
  return (fs::status(directory).permissions() & kOthers) == fs::perms::none;
}

TEST_F(RocksStore, BelongsToItsOwnerAlone) {
  open_store(state())->backup(path("backup"));
  EXPECT_TRUE(is_private(state()));
  EXPECT_TRUE(is_private(path("backup")));
  restore_backup(path("backup"), path("again"));
  EXPECT_TRUE(is_private(path("again")));
  // As older versions left it.
  fs::permissions(state(), fs::perms::group_read | fs::perms::others_all, fs::perm_options::add);
  fs::permissions(path("backup"), fs::perms::others_read, fs::perm_options::add);
  open_store(state())->backup(path("backup"));
  EXPECT_TRUE(is_private(path("backup")));
  for (const auto& entry : fs::directory_iterator(state())) EXPECT_TRUE(is_private(entry)) << entry;
  EXPECT_TRUE(is_private(state()));
}

TEST_F(RocksStore, TakesNobodyElsesDirectory) {
  fs::create_directory(path("photos"));
  fs::permissions(path("photos"), fs::perms::others_read, fs::perm_options::add);
  std::ofstream(path("photos") + "/sea.jpg") << "x";
  expect_error([&] { open_store(path("photos")); }, {path("photos"), "not empty"});
  expect_error([&] { open_store(state())->backup(path("photos")); }, {path("photos"), "not empty"});
  EXPECT_FALSE(is_private(path("photos")));
}

TEST_F(RocksStore, SaysWhichRecordIsBroken) {
  open_store(state());
  {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, state(), &db).ok());
    EXPECT_TRUE(db->Put({}, "hanna", "\xff").ok());
    EXPECT_TRUE(db->Put({}, "i9", "?").ok());
    delete db;
  }
  const auto store = open_store(state());
  expect_error([&] { store->history("anna"); }, {"history of user 'anna'", "broken"});
  expect_error([&] { store->for_each_item([](const auto&) {}, [](auto) {}); }, {"item '9'"});
  store->put_item({"9", "", ""});
  store->for_each_item([](const auto&) {}, [](auto) {});
  EXPECT_EQ(store->append_events("ben", plain_events(Ids{"1"}), "a"), Append::kDone);
}

TEST_F(RocksStore, IsRestoredFromItsLatestBackup) {
  const std::string backup = path("backup");
  const auto store = open_store(state());
  for (int i = 0; i < 6; ++i) {
    store->append_events("anna", plain_events(Ids{fmt::format("{}", i)}), fmt::format("key {}", i));
    store->backup(backup);
  }
  store->append_events("anna", plain_events(Ids{"too late"}), "");

  restore_backup(backup, path("again"));
  const auto again = open_store(path("again"));
  EXPECT_EQ(again->history("anna"), (Ids{"0", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(again->append_events("anna", plain_events(Ids{"5"}), "key 5"), Append::kRepeated);

  expect_error([&] { restore_backup(backup, state()); }, {state(), "not empty"});
  expect_error([&] { restore_backup(path("none"), path("new")); }, {path("none"), "no backup"});
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(RocksStore, RefusesABrokenBackup) {
  const std::string backup = path("backup");
  const auto store = open_store(state());
  store->append_events("anna", plain_events(Ids{"1"}), "");
  store->purge_erased();  // into a table file
  store->backup(backup);
  for (const auto& entry : fs::recursive_directory_iterator(backup)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(10);
    file << "????";
  }
  expect_error([&] { restore_backup(backup, path("again")); }, {backup});
  EXPECT_FALSE(fs::exists(path("again")));
}

/// Overwrites the middle of the largest file below the directory.
void damage_largest_file(const fs::path& directory) {
  fs::path largest;
  std::uintmax_t size = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.file_size() < size) continue;
    largest = entry.path();
    size = entry.file_size();
  }
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file << "damaged";
}

TEST_F(RocksStore, IsRestoredFromAnOlderBackupOnlyIfThatIsChosen) {
  const std::string backup = path("backup");
  const auto store = open_store(state());
  for (const char* event : {"1", "2", "3"}) {
    store->append_events("anna", plain_events(Ids{event}), "");
    store->backup(backup);
  }
  ASSERT_EQ(list_backups(backup).size(), 3U);
  for (const BackupInfo& info : list_backups(backup)) {
    EXPECT_EQ(info.damage, "");
    EXPECT_NEAR(static_cast<double>(info.time), static_cast<double>(std::time(nullptr)), 600.0);
    EXPECT_GT(info.bytes, 0U);
  }
  EXPECT_EQ(restore_backup(backup, path("second"), 2).id, 2U);
  EXPECT_EQ(open_store(path("second"))->history("anna"), (Ids{"1", "2"}));

  // Its files, or the list of them.
  damage_largest_file(backup + "/private/3");
  expect_error([&] { restore_backup(backup, path("new")); },
               {backup, "backup 3 is damaged", "--backup-id 2"});
  std::ofstream(backup + "/meta/3") << "damaged";
  expect_error([&] { restore_backup(backup, path("new")); },
               {backup, "backup 3 is damaged", "--backup-id 2"});
  EXPECT_FALSE(fs::exists(path("new")));
  const std::vector<BackupInfo> all = list_backups(backup);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_NE(all.back().damage, "");
  EXPECT_EQ(restore_backup(backup, path("new"), 2).id, 2U);
  expect_error([&] { restore_backup(backup, path("other"), 9); }, {"no backup 9", "--list"});
}

TEST_F(RocksStore, IsReadFromAFullDisk) {
  const SmallDisk disk(path("disk"), 8);
  if (!disk.mounted()) GTEST_SKIP() << "a small file system can only be mounted as root";
  const std::string at = path("disk") + "/state", ballast = path("disk") + "/ballast";
  open_store(at)->append_events("anna", plain_events(Ids{"1"}), "");
  {
    const std::string some(4096, 'x');
    std::ofstream file(ballast, std::ios::binary);
    while (file.write(some.data(), std::ssize(some)).flush()) {
    }
  }
  const auto store = open_store(at);
  EXPECT_EQ(store->history("anna"), Ids{"1"});
  store->check();
  expect_error([&] { store->append_events("anna", plain_events(Ids{"2"}), ""); },
               {at, "disk is full"});
  fs::remove(ballast);
  EXPECT_TRUE(eventually([&] {
    try {
      return store->append_events("anna", plain_events(Ids{"2"}), "") == Append::kDone;
    } catch (const Error&) {
      return false;
    }
  }));
  EXPECT_EQ(store->history("anna"), (Ids{"1", "2"}));
}

TEST_F(RocksStore, GoesOnByItselfWhenTheDiskHasRoomAgain) {
  for (const char* policy : {"always", "none"}) {
    const std::string at = path(policy);
    const SmallDisk disk(at);
    if (!disk.mounted()) GTEST_SKIP() << "a small file system can only be mounted as root";
    StoreOptions options;
    set_sync(options, policy);
    Ids acknowledged;
    const auto append = [&](Store& store) {
      const std::string number = fmt::format("{}", acknowledged.size());
      EXPECT_EQ(store.append_events("anna", plain_events(Ids{number}), number), Append::kDone);
      acknowledged.push_back(number);
    };
    {
      const auto store = open_store(at + "/state", options);
      append(*store);
      // Other users' long ids fill the disk, and a file takes what is left.
      const std::string filler(kMaxIdBytes, 'x');
      std::string refusal;
      for (int i = 0; i < 1000 && refusal.empty(); ++i) {
        if (i == 20) {
          std::ofstream ballast(at + "/ballast", std::ios::binary);
          while (ballast.write(filler.data(), std::ssize(filler)).flush()) {
          }
        }
        try {
          store->append_events(fmt::format("user {}", i), plain_events(Ids{filler}), "key");
        } catch (const Error& error) {
          refusal = error.what();
        }
      }
      EXPECT_NE(refusal.find("disk is full"), std::string::npos) << refusal;
      EXPECT_NE(refusal.find(at), std::string::npos) << refusal;
      expect_error([&] { store->append_events("anna", plain_events(Ids{"lost"}), "lost"); }, {at});
      EXPECT_EQ(store->history("anna"), acknowledged) << "reading goes on";

      fs::remove(at + "/ballast");
      EXPECT_TRUE(eventually([&] {
        try {
          append(*store);
          return true;
        } catch (const Error&) {
          return false;
        }
      }));
      append(*store);
      EXPECT_EQ(store->history("anna"), acknowledged);
    }
    EXPECT_EQ(open_store(at + "/state", options)->history("anna"), acknowledged);
  }
}

}  // namespace
}  // namespace tessera::testing
