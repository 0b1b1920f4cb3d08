#include "base/folders.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/safetensors.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class Folders : public ::testing::Test {
 protected:
  fs::path folder(const std::string& name, std::initializer_list<const char*> files = {}) const {
    fs::path made = directory_.path() / name;
    fs::create_directories(made);
    for (const char* file : files) write_file(made / file, "x");
    return made;
  }

 private:
  testing::TempDirectory directory_;
};

constexpr Folder kAll[] = {Folder::dataset, Folder::bundle, Folder::state, Folder::backups};

TEST_F(Folders, TakeAFolderThatIsNewOrEmpty) {
  for (const Folder kind : kAll) {
    check_folder(folder("empty") / "none", kind);
    check_new_folder(folder("empty"), kind);
    check_folder(folder("volume", {".gitkeep", "lost+found"}), kind);
  }
}

TEST_F(Folders, RefuseAFolderOfSomebodyElse) {
  const fs::path own = folder("own", {"events.jsonl", "items.jsonl", "notes.txt", "z.txt"});
  for (const Folder kind : kAll) {
    expect_error([&] { check_folder(own, kind); },
                 {"own: is not empty, it holds events.jsonl, items.jsonl, notes.txt and more",
                  "empty folder"});
  }
  // Names that some kinds know, with other content.
  const fs::path encoder = folder("encoder", {"model.safetensors"});
  write_file(encoder / "config.json", R"({"model_type": "bert"})");
  write_safetensors(encoder / "checkpoint.safetensors", {});
  const fs::path database = folder("database", {"000004.log", "CURRENT"});
  const fs::path logs = folder("logs", {"app.log"});
  for (const fs::path& other : {encoder, database, logs}) {
    for (const Folder kind : kAll) {
      expect_error([&] { check_folder(other, kind); },
                   {other.string() + ": is not empty, it holds "});
    }
  }
}

TEST_F(Folders, KnowTheirOwnKindAndNameAnother) {
  const fs::path dataset = folder("dataset", {"items.jsonl"});
  write_file(dataset / "dataset.json", R"({"format_version": 1, "fingerprint": "0"})");
  const fs::path bundle = folder("bundle");
  write_file(bundle / "config.json", R"({"format_version": 1, "settings": {}})");
  const fs::path state = folder("state", {"000004.log", "LOCK"});
  write_file(state / "CURRENT", "MANIFEST-000005\n");
  const fs::path backups = folder("backups");
  fs::create_directories(backups / "meta");
  fs::create_directories(backups / "private");
  const std::pair<fs::path, const char*> places[] = {{dataset, "a dataset"},
                                                     {bundle, "a model bundle"},
                                                     {state, "the state of a service"},
                                                     {backups, "backups of a service"}};
  for (std::size_t own = 0; own < 4; ++own) {
    const auto& [place, name] = places[own];
    for (std::size_t kind = 0; kind < 4; ++kind) {
      SCOPED_TRACE(place.string());
      EXPECT_EQ(holds(place, kAll[kind]), kind == own);
      if (kind == own) {
        check_folder(place, kAll[kind]);
        expect_error([&] { check_new_folder(place, kAll[kind]); }, {name});
      } else {
        expect_error([&] { check_folder(place, kAll[kind]); }, {name});
      }
    }
  }
}

TEST_F(Folders, KnowWhatAKilledProgramLeft) {
  const fs::path moved = folder("moved", {"items.jsonl", "users.txt"});
  fs::create_directories(moved / ".writing");
  write_file(moved / ".writing" / "dataset.json", R"({"format_version": 1, "fingerprint": "0"})");
  check_folder(moved, Folder::dataset);
  check_folder(folder("first start", {"LOCK", "MANIFEST-000001"}), Folder::state);
  const fs::path checkpoint = folder("checkpoint", {"model.safetensors"});
  write_safetensors(checkpoint / "checkpoint.safetensors", {}, {{"state", "{}"}});
  check_folder(checkpoint, Folder::bundle);
}

TEST_F(Folders, AreWrittenByOneAtATime) {
  const fs::path at = folder("at");
  {
    const FolderLock first(at, Folder::bundle);
    write_file(at / "model.safetensors", "x");
    expect_error([&] { FolderLock second(at, Folder::bundle); },
                 {"at: another process", "a model bundle"});
    check_folder(at, Folder::bundle);  // begun
    expect_error([&] { check_folder(at, Folder::dataset); }, {"model.safetensors"});
  }
  check_folder(at, Folder::bundle);  // ended before it was one
  {
    const FolderLock again(at, Folder::bundle);
    write_file(at / "config.json", R"({"format_version": 1, "settings": {}})");
  }
  EXPECT_TRUE(holds(at, Folder::bundle));
  EXPECT_EQ(std::distance(fs::directory_iterator(at), {}), 2) << "no lock stays in a whole bundle";
}

TEST_F(Folders, LeaveNothingWhereNothingWasWritten) {
  const fs::path none = folder("empty") / "none";
  {
    const FolderLock lock(none, Folder::bundle);
  }
  EXPECT_FALSE(fs::exists(none));
  {
    const FolderLock lock(folder("empty"), Folder::bundle);
  }
  EXPECT_TRUE(fs::is_empty(folder("empty")));
}

TEST_F(Folders, AreFreeAgainWhenTheirWriterIsKilled) {
  const fs::path at = folder("at");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(at, Folder::dataset);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  expect_error([&] { FolderLock second(at, Folder::dataset); }, {"another process"});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const FolderLock next(at, Folder::dataset);
}

TEST_F(Folders, OfFilesAreNewOnesOrEarlierOnes) {
  const fs::path at = folder("files", {"notes.json"});
  write_file(at / "report.json", R"({"metrics": {}, "protocol": "full"})");
  write_file(at / "empty.json", "");
  const auto check = [&](const char* name) {
    check_json_output(at / name, "a report", {"metrics", "protocol"});
  };
  check("none.json");
  check("empty.json");
  check("report.json");
  expect_error([&] { check("notes.json"); }, {"notes.json", "is not a report"});
  check_json_output("/dev/null", "a report", {});
}

}  // namespace
}  // namespace tessera
