// What earlier versions wrote keeps opening and answers the same:
// tests/compatibility/VERSION.tar.gz holds a dataset, bundles of both recipes, the state of a
// service, and what that version recommended.
#include "cli/serving.h"

namespace tessera::testing {
namespace {

class Compatibility : public Serve, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    const std::string archive =
        std::string(TESSERA_TESTS_DIR) + "/compatibility/" + GetParam() + ".tar.gz";
    const std::string unpack = "tar -xzf '" + archive + "' -C '" + path("") + "'";
    ASSERT_EQ(Process({"/bin/sh", "-c", unpack}).wait().exit_code, 0);
    made_ = path(GetParam());
  }
  // Those of `bundle` as that version gave them: a line for each of `bundle` and `paper`.
  Json recommended(std::size_t line) const {
    return Json::parse(lines_of(content_of(made_ + "/recommended.jsonl")).at(line)).at("items");
  }
  std::string made_;
};

TEST_P(Compatibility, BundlesRecommendAsTheyDid) {
  std::size_t line = 0;
  for (const char* bundle : {"bundle", "paper"}) {
    const Json before = recommended(line++);
    const Json now = json_of("recommend --history S000003,S000007,S000011 -k 5 --json --model " +
                             made_ + "/" + bundle + " --data " + made_ + "/dataset")
                         .at("items");
    ASSERT_EQ(now.size(), before.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      EXPECT_EQ(now[i].at("id"), before[i].at("id")) << bundle;
      EXPECT_NEAR(now[i].at("score").get<double>(), before[i].at("score").get<double>(), 1e-4);
    }
  }
}

TEST_P(Compatibility, DatasetsAreEvaluatedAndTrainedOn) {
  const std::string data = " --data " + made_ + "/dataset";
  for (const char* bundle : {"bundle", "paper"}) {
    const Json report = json_of("evaluate --json - --model " + made_ + "/" + bundle + data);
    EXPECT_EQ(report.at("users"), 60);
  }
  output_of("train --out " + path("new") + data + kTiny);
}

TEST_P(Compatibility, StatesAreServed) {
  start("--access-log none --state " + made_ + "/state", made_ + "/bundle");
  EXPECT_EQ(Json::parse(ask("GET", "/v1/users/anna").body).at("items"),
            (std::vector<std::string>{"S000003", "S000007", "S000011"}));
  const Json item = Json::parse(ask("GET", "/v1/items/new-teapot").body);
  EXPECT_EQ(item.at("title"), "Steel teapot, 1 l");
  EXPECT_EQ(item.at("live"), true);
  EXPECT_EQ(ask("POST", "/v1/recommend", R"({"user":"anna","k":5})").status, 200);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, Compatibility, ::testing::Values("0.1"));

}  // namespace
}  // namespace tessera::testing
