// tessera backup and tessera restore.
#include <algorithm>

#include "cli/shop.h"
#include "store/store.h"

namespace tessera::testing {
namespace {

class BackupCommand : public CommandTest {};

TEST_F(BackupCommand, BringsTheStateBack) {
  const std::vector<std::string> event = {"12"};
  open_store(path("state"))->append_events("anna", plain_events(event), "key");
  output_of("backup --state " + path("state") + " --out " + path("backup"));
  fs::remove_all(path("state"));
  output_of("restore --backup " + path("backup") + " --state " + path("state"));
  EXPECT_EQ(open_store(path("state"))->history("anna"), event);
}

TEST_F(BackupCommand, TellsWhichBackupsThereAreAndTakesTheOneThatIsChosen) {
  for (const char* event : {"12", "7"}) {
    const std::vector<std::string> events = {event};
    open_store(path("state"))->append_events("anna", plain_events(events), "");
    output_of("backup --state " + path("state") + " --out " + path("backup"));
  }
  const std::string list = output_of("restore --backup " + path("backup") + " --list");
  EXPECT_EQ(std::ranges::count(list, '\n'), 3) << list;
  EXPECT_NE(list.find("UTC"), std::string::npos);
  EXPECT_NE(list.find("whole"), std::string::npos);
  const std::string said =
      output_of("restore --backup " + path("backup") + " --backup-id 1 --state " + path("new"));
  EXPECT_NE(said.find("backup 1 of "), std::string::npos) << said;
  EXPECT_EQ(open_store(path("new"))->history("anna"), std::vector<std::string>{"12"});
  expect_refusal(tessera("restore --backup " + path("backup")), 2, {"--state"});
}

TEST_F(BackupCommand, RefusesWhatItCannotDo) {
  expect_refusal(tessera("backup --state " + path("none") + " --out " + path("backup")), 1,
                 {"backup: ", path("none"), "no state directory"});
  EXPECT_FALSE(fs::exists(path("none")));
  const auto store = open_store(path("state"));
  expect_refusal(tessera("backup --state " + path("state") + " --out " + path("backup")), 1,
                 {path("state"), "in use"});
  expect_refusal(tessera("restore --backup " + path("none") + " --state " + path("new")), 1,
                 {path("none"), "no backup"});
  expect_refusal(tessera("restore --backup " + path("backup") + " --state " + path("state")), 1,
                 {path("state"), "not empty"});
}

}  // namespace
}  // namespace tessera::testing
