// Anyone's lists are measured as our own models are.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

class RefereeTest : public CommandTest {
 protected:
  const std::string data = " --data " + shop().data;

  std::string lists(const std::string& model, const std::string& split, int k,
                    const std::string& name, const std::string& more = "") const {
    return file(name, output_of("recommend --json --model " + model + " --split " + split + " -k " +
                                std::to_string(k) + more));
  }
};

TEST_F(RefereeTest, FindsTheFiguresOfAModelInItsLists) {
  for (const std::string& model : {shop().model, default_model()}) {
    for (const std::string split : {"test", "validation"}) {
      const std::string own = lists(model, split, 150, split + ".jsonl");
      const Json report = json_of(
          "evaluate --json - --at 3,20 --split " + split + " --model " +
          copy(model, split + "-model-" + fs::path(model).parent_path().filename().string()) +
          " --predictions " + own + data);
      const Json& systems = report.at("systems");
      ASSERT_EQ(systems.size(), 2U);
      // Whole lists: every figure is the same to the last digit.
      const Json& model_figures = systems.at(report.at("system").get<std::string>());
      EXPECT_EQ(model_figures, systems.at(own));
      for (const auto& [name, value] : report.at("differences").at(own).items()) {
        EXPECT_TRUE(!value.is_array() || value[0] == 0.0) << name;
      }
      for (const char* metric : {"HR@3", "NDCG@20", "MRR@20"}) {
        EXPECT_TRUE(report.at("at").contains(metric));
      }
    }
  }
}

TEST_F(RefereeTest, ListsOfTenGiveTheFiguresUpToTen) {
  const std::string own = lists(shop().model, "test", 10, "ten.jsonl");
  const Json of_lists = json_of("evaluate --json - --predictions " + own + data);
  const Json of_model = json_of("evaluate --json - --model " + copy(shop().model, "model") + data);
  for (const char* metric : {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10"}) {
    EXPECT_EQ(of_lists.at("metrics").at(metric), of_model.at("metrics").at(metric)) << metric;
  }
  EXPECT_EQ(of_lists.at("beyond_accuracy"), of_model.at("beyond_accuracy"));
  EXPECT_LT(of_lists.at("metrics").at("MRR"), of_model.at("metrics").at("MRR"));
  EXPECT_FALSE(of_lists.contains("tokens"));
}

TEST_F(RefereeTest, StatesTheProtocolAndNamesTrapsFirst) {
  const std::string whole =
      file("whole.jsonl", output_of("recommend --json --model " + shop().model + " -k 5 --users " +
                                    file("users.txt", "U000001\nU000002\nU000003\n")));
  const Json report = json_of("evaluate --json - --predictions " + whole + data);
  for (const char* key : {"candidates", "masked", "repeated_targets", "cold_targets", "ties"}) {
    EXPECT_TRUE(report.at("stated").contains(key)) << key;
  }
  std::vector<std::string> traps;
  for (const Json& trap : report.at("traps")) traps.push_back(trap.at("trap"));
  for (const char* name : {"missing users", "short lists", "no hits"}) {
    EXPECT_EQ(std::ranges::count(traps, name), 1) << name;
  }
  const std::string text = output_of("evaluate --predictions " + whole + data);
  EXPECT_LT(text.find("no hits"), text.find("HR@10"));
}

TEST_F(RefereeTest, WritesEveryUsersPlace) {
  const std::string own = lists(shop().model, "test", 10, "ten.jsonl");
  const Json report = json_of("evaluate --json - --per-user " + path("users.jsonl") +
                              " --predictions " + own + data);
  const std::vector<std::string> lines = lines_of(content_of(path("users.jsonl")));
  ASSERT_EQ(lines.size(), report.at("users"));
  double hits = 0.0;
  for (const std::string& line : lines) {
    const Json place = Json::parse(line).at("places").at(own);
    if (place.is_array() && place[0].get<int>() + place[1].get<int>() < 10) hits += 1.0;
  }
  EXPECT_NEAR(hits / static_cast<double>(lines.size()),
              report.at("metrics").at("HR@10").get<double>(), 0.02);  // but for ties over the edge
  expect_refusal(tessera("evaluate --predictions " + own + data + " --per-user " + own), 1,
                 {"is there already"});
}

TEST_F(RefereeTest, ComparesSeveralSystems) {
  const std::string ours = lists(shop().model, "test", 20, "ours.jsonl");
  const std::string theirs = lists(default_model(), "test", 20, "theirs.jsonl");
  const Json report =
      json_of("evaluate --json - --baselines --predictions " + ours + " " + theirs + data);
  EXPECT_EQ(report.at("systems").size(), 2U);
  EXPECT_TRUE(report.at("differences").contains(theirs));
  EXPECT_TRUE(report.at("baselines").contains("popularity"));
}

TEST_F(RefereeTest, RefusesInOneLine) {
  expect_refusal(tessera("evaluate" + data), 2, {"--model", "--predictions"});
  const std::string none = file("none.jsonl", "{\"user\": \"nobody\", \"items\": [1]}\n");
  expect_refusal(tessera("evaluate --predictions " + none + data), 1, {"no list", "'nobody'"});
  const std::string strange =
      file("strange.jsonl", "{\"user\": \"U000001\", \"items\": [\"x\"]}\n");
  expect_refusal(tessera("evaluate --predictions " + strange + data), 1,
                 {"none of its items", "'x'"});
  expect_refusal(tessera("evaluate --protocol sampled --predictions " + strange + data), 1,
                 {"none of its items"});
  expect_refusal(tessera("recommend --model " + shop().model + " --split test --history a"), 2,
                 {"--split"});
}

}  // namespace
}  // namespace tessera::testing
