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
  /// The list that `bundle` gives now is the one that this version wrote.
  void expect_list(const std::string& line, const std::string& bundle,
                   const std::string& more = "") {
    const Json before = Json::parse(line).at("items");
    const Json now = json_of("recommend --history S000003,S000007,S000011 -k 5 --json --model " +
                             made_ + "/" + bundle + " --data " + made_ + "/dataset " + more)
                         .at("items");
    ASSERT_EQ(now.size(), before.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      EXPECT_EQ(now[i].at("id"), before[i].at("id")) << bundle;
      EXPECT_NEAR(now[i].at("score").get<double>(), before[i].at("score").get<double>(), 1e-4);
    }
  }
  std::vector<std::string> lists(const std::string& file) const {
    return lines_of(content_of(made_ + "/" + file));
  }
  std::string made_;
};

TEST_P(Compatibility, BundlesRecommendAsTheyDid) {
  expect_list(lists("recommended.jsonl").at(0), "bundle");
  expect_list(lists("recommended.jsonl").at(1), "paper");
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

INSTANTIATE_TEST_SUITE_P(Versions, Compatibility, ::testing::Values("0.1", "0.2"));

/// What versions before 0.2 did not have.
using CompatibilitySince2 = Compatibility;

TEST_P(CompatibilitySince2, FiltersFindWhatTheyDid) {
  expect_list(lists("filtered.jsonl").at(0), "bundle", "--where price<30");
}

TEST_P(CompatibilitySince2, StatesKeepEventsAndAttributes) {
  start("--access-log none --state " + made_ + "/state", made_ + "/bundle");
  const Json item = Json::parse(ask("GET", "/v1/items/new-teapot").body);
  EXPECT_EQ(item.at("attributes").at("price"), 4.5);
  EXPECT_EQ(item.at("attributes").at("in_stock"), true);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
  const std::string events = path("events.jsonl");
  EXPECT_EQ(tessera("export --what events --state " + made_ + "/state --out " + events).exit_code,
            0);
  bool found = false;
  for (const std::string& line : lines_of(content_of(events))) {
    const Json event = Json::parse(line);
    if (event.at("user") != "ben") continue;
    found = true;
    EXPECT_EQ(event.at("kind"), "view");
    EXPECT_EQ(event.at("weight"), 2);
    EXPECT_EQ(event.at("time"), 1769853600000);
  }
  EXPECT_TRUE(found);
}

TEST_P(CompatibilitySince2, SemanticIdsAreGoneOnWith) {
  output_of("tokenize --data " + made_ + "/dataset --from " + made_ + "/tokens --out " +
            path("tokens"));
  EXPECT_EQ(content_of(path("tokens/codes.npy")), content_of(made_ + "/tokens/codes.npy"));
}

INSTANTIATE_TEST_SUITE_P(Versions, CompatibilitySince2, ::testing::Values("0.2"));

}  // namespace
}  // namespace tessera::testing
