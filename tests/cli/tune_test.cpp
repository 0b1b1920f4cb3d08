// tune as its users expect it: killed and gone on with, refused where words do not go together.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

class Tune : public CommandTest {
 protected:
  std::string line(const std::string& out, const std::string& more) const {
    return "tune --data " + shop().data + " --out " + path(out) + kTiny + more;
  }
  /// What was found, without what a clock or a place says.
  static Json found(Json result) {
    for (const char* key : {"seconds", "bundle"}) result.erase(key);
    return result;
  }
};

TEST_F(Tune, ASearchThatIsKilledGoesOnToTheSameTable) {
  const std::string words =
      " --set tokens=id --set batch_users=4 --set epochs=9 --set patience=100 --runs 4"
      " --search learning_rate=0.0005..0.01";
  const Json unbroken = json_of(line("unbroken", words + " --json"));
  ASSERT_EQ(unbroken.at("trials").size(), 4U);
  for (const std::string& trial : Words{"1", "3"}) {
    const bool begun = fs::exists(path("killed"));
    Process process(
        tessera_command(begun ? "tune --resume --data " + shop().data + " --out " + path("killed")
                              : line("killed", words)));
    const std::string log = path("killed/models/" + trial + "/training.jsonl");
    const std::string record = path("killed/trials/" + trial + ".json");
    ASSERT_TRUE(eventually([&] { return fs::exists(log) || fs::exists(record); }));
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().exit_code, -1) << "the kill came too late";
  }
  const std::string resume = "tune --resume --json --data " + shop().data + " --out ";
  EXPECT_EQ(found(json_of(resume + path("killed"))), found(unbroken));
  const std::string best = path("killed/best");
  EXPECT_TRUE(content_of(best + "/model.safetensors") ==
              content_of(path("unbroken/best/model.safetensors")));
  output_of("evaluate --data " + shop().data + " --model " + best);
}

TEST_F(Tune, TheTableNamesTheBestAndWhatToDoNext) {
  const std::string said = output_of(line("tuned", " --runs 2 --jobs 2 --search dropout=0.1,0.2"));
  const Words expected = {"trial   0", "as it starts",     "dropout=0.",
                          "--refit",   path("tuned/best"), path("tuned/tune.html")};
  for (const std::string& word : expected) {
    EXPECT_NE(said.find(word), std::string::npos) << word << " is not in\n" << said;
  }
  output_of("train --data " + shop().data + " --refit " + path("tuned/best") + " --out " +
            path("service"));
}

TEST_F(Tune, WhatDoesNotGoTogetherIsRefused) {
  expect_refusal(tessera(line("a", " --search epochs=1,2")), 2, {"epochs", "--set"});
  expect_refusal(tessera(line("a", " --time soon")), 2, {"--time soon", "30m"});
  expect_refusal(tessera(line("a", " --resume")), 2, {"--set", "--resume"});
  const std::string resume = "tune --resume --data " + shop().data + " --out ";
  expect_refusal(tessera(resume + path("a")), 1, {path("a"), "--resume"});
  expect_refusal(tessera(resume + path("a") + " --search dropout=0.1,0.2"), 2, {"--search"});
  expect_refusal(tessera("tune --data " + shop().data + kTiny + " --out " + shop().model), 1,
                 {shop().model, "a model bundle"});
  EXPECT_FALSE(fs::exists(path("a")));
}

}  // namespace
}  // namespace tessera::testing
