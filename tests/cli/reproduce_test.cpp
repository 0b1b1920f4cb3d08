// `reproduce paper` as a process: a whole tiny study, its interruption, and wrong usage.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

class Reproduce : public CommandTest {
 protected:
  std::string line(const std::string& out) const {
    return "reproduce paper --quick --jobs 2 --data " + shop().data + " --out " + path(out) +
           kTinySettings;
  }
};

TEST_F(Reproduce, MakesAPageAndJsonAndTrainsNothingTwice) {
  const std::string said = output_of(line("report"));
  EXPECT_NE(said.find(path("report") + "/index.html"), std::string::npos) << said;
  EXPECT_NE(said.find("shop/unified-1: 2 epochs"), std::string::npos) << said;
  const std::string page = content_of(path("report/index.html"));
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  EXPECT_NE(page.find("A quick look"), std::string::npos);
  const Json report = Json::parse(content_of(path("report/report.json")));
  EXPECT_EQ(report.at("complete"), true);
  EXPECT_EQ(report.at("quick"), true);
  for (const Json& run : report.at("runs")) EXPECT_FALSE(run.at("result").is_null()) << run;

  const Json again = json_of(line("report") + " --json");
  EXPECT_EQ(again.at("trained_now"), 0);
  EXPECT_EQ(again.at("models"), report.at("runs").size());
  EXPECT_EQ(Json::parse(content_of(path("report/report.json"))), report);
}

TEST_F(Reproduce, CtrlCKeepsEverythingAndTheSameCommandGoesOn) {
  Process process(tessera_command(line("report") + " --set batch_users=4"));
  EXPECT_TRUE(eventually(
      [&] { return fs::exists(path("report/models/shop/unified-1/checkpoint.safetensors")); }));
  process.signal(SIGINT);
  expect_refusal(process.wait(), 1, {"interrupted", "models finished", "goes on"});
  EXPECT_NE(content_of(path("report/index.html")).find("Stopped with"), std::string::npos);
  const Json result = json_of(line("report") + " --set batch_users=4 --json");
  EXPECT_EQ(Json::parse(content_of(path("report/report.json"))).at("complete"), true);
  EXPECT_GT(result.at("trained_now").get<int>(), 0);
}

TEST_F(Reproduce, RefusesWrongUsageInOneLine) {
  expect_refusal(tessera("reproduce"), 2, {"subcommand"});
  expect_refusal(tessera("reproduce paper --out r"), 2, {"--data"});
  expect_refusal(tessera("reproduce paper --data d --out r --seeds 0"), 2, {"--seeds"});
  expect_refusal(tessera("reproduce paper --data d --out r --set epochz=1"), 2, {"epochs"});
  expect_refusal(tessera("reproduce paper --data a/d --data b/d --out r"), 2, {"'d'", "--data"});
  expect_refusal(tessera("reproduce paper --data " + path("none") + " --out " + path("r")), 1,
                 {path("none"), "interactions.txt"});
  EXPECT_FALSE(fs::exists(path("r")));
}

}  // namespace
}  // namespace tessera::testing
