// The way from a simulated shop to recommendations, and the JSON that programs read on it.
#include <set>

#include "cli/shop.h"

namespace tessera::testing {
namespace {

std::set<std::string> keys_of(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

const std::set<std::string> kMetrics = {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"};

void expect_metrics(const Json& metrics) {
  EXPECT_EQ(keys_of(metrics), kMetrics);
  for (const auto& [name, value] : metrics.items()) {
    ASSERT_TRUE(value.is_number()) << name;
    EXPECT_GE(value.get<double>(), 0.0) << name;
    EXPECT_LE(value.get<double>(), 1.0) << name;
  }
  EXPECT_GT(metrics.at("MRR").get<double>(), 0.0);
  EXPECT_LE(metrics.at("HR@1").get<double>(), metrics.at("HR@10").get<double>());
}

void expect_report(const Json& report, const std::string& split, const std::string& protocol) {
  EXPECT_EQ(report.at("split"), split);
  EXPECT_EQ(report.at("protocol"), protocol);
  EXPECT_EQ(report.at("users"), 300);
  EXPECT_EQ(report.at("simulated"), true);
  expect_metrics(report.at("metrics"));
  EXPECT_TRUE(report.at("slices").is_object());
  EXPECT_FALSE(report.at("slices").empty());
}

void expect_tokens(const Json& tokens) {
  EXPECT_EQ(tokens.at("catalogue_parameters"), 150 * 8 + 3 * 16 * 16);
  EXPECT_GT(tokens.at("catalogue_bytes").get<std::size_t>(), 2U * 150 * 8 + 4U * 3 * 16 * 16);
  EXPECT_NEAR(tokens.at("reduction").get<double>(), 1 - (150 * 8 + 3 * 16 * 16) / (150.0 * 64),
              1e-9);
  ASSERT_EQ(tokens.at("activation").size(), 3U);
  ASSERT_EQ(tokens.at("perplexity").size(), 3U);
  for (const Json& share : tokens.at("activation")) {
    EXPECT_GT(share.get<double>(), 0.0);
    EXPECT_LE(share.get<double>(), 1.0);
  }
  for (const char* share : {"unique_share", "distinct_share"}) {
    EXPECT_GE(tokens.at(share).get<double>(), 0.0);
    EXPECT_LE(tokens.at(share).get<double>(), 1.0);
  }
}

std::vector<std::string> ids_in(const Json& items) {
  std::vector<std::string> ids;
  for (const Json& item : items) ids.push_back(item.at("id").get<std::string>());
  return ids;
}

Json recommendations(const std::string& options) {
  return json_of("recommend --json --model " + shop().model + " " + options);
}

class Workflow : public CommandTest {};

TEST_F(Workflow, SimulateSaysHowMuchItMadeAndThatItIsSimulated) {
  const std::string line = "simulate --users 40 --items 30 --seed 5 --out " + path("shop");
  EXPECT_NE(output_of(line).find("simulated"), std::string::npos);
  const Json summary = json_of(line + " --json");
  EXPECT_EQ(summary.at("users"), 40);
  EXPECT_EQ(summary.at("items"), 30);
  EXPECT_EQ(summary.at("evaluated_users"), 40);
  EXPECT_EQ(lines_of(content_of(path("shop/users.txt"))).size(), 40U);
}

TEST_F(Workflow, EmbedSummarisesForPrograms) {
  const Json summary = json_of("embed --json --dims 8 --data " + copy(shop().data, "shop"));
  EXPECT_EQ(summary.at("items"), 150);
  EXPECT_EQ(summary.at("dims"), 8);
  EXPECT_EQ(summary.at("zero_rows"), 0);
}

TEST_F(Workflow, ASentenceEncoderGoesFromTheDatasetToTheModel) {
  const std::string data = copy(shop().data, "shop");
  const std::string folder = TESSERA_TESTS_DIR "/text/fixtures/tiny_bert";
  const std::string line = output_of("embed --data " + data + " --encoder " + folder);
  EXPECT_NE(line.find("150 embeddings of 16 dims"), std::string::npos) << line;
  output_of("train --data " + data + " --out " + path("model") + kTiny);
  EXPECT_TRUE(content_of(path("model/text_encoder.safetensors")) ==
              content_of(data + "/text_encoder.safetensors"));
}

TEST_F(Workflow, EmbeddingsOfJsonLinesLeaveNoEncoder) {
  const std::string data = copy(shop().data, "shop");
  std::string lines;
  for (const std::string& item : lines_of(content_of(data + "/items.jsonl"))) {
    if (lines.empty()) {
      lines = "\n";  // an empty line, and the first item is left out
      continue;
    }
    lines += Json{{"id", Json::parse(item).at("id")}, {"vector", {0.5, 1, -2}}}.dump() + "\n";
  }
  const std::string words =
      output_of("embed --data " + data + " --encoder jsonl --file " + file("rows.jsonl", lines));
  EXPECT_NE(words.find("150 embeddings of 3 dims"), std::string::npos) << words;
  EXPECT_NE(words.find("1 items have no vector"), std::string::npos) << words;
  EXPECT_FALSE(fs::exists(data + "/text_encoder.safetensors"));
}

TEST_F(Workflow, TrainingLogHasOneObjectAnEpoch) {
  const std::vector<std::string> lines = lines_of(content_of(shop().model + "/training.jsonl"));
  ASSERT_EQ(lines.size(), 2U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Json epoch = Json::parse(lines[i]);
    EXPECT_EQ(keys_of(epoch), (std::set<std::string>{"epoch", "loss", "validation", "seconds"}));
    EXPECT_EQ(epoch.at("epoch"), i + 1);
    EXPECT_GT(epoch.at("loss").at("total").get<double>(), 0.0);
    EXPECT_EQ(epoch.at("loss").at("commitment").size(), 3U);
    expect_metrics(epoch.at("validation"));
    EXPECT_EQ(keys_of(epoch.at("seconds")), (std::set<std::string>{"train", "validation"}));
  }
}

TEST_F(Workflow, TrainingPrintsALineAnEpochOrOneObject) {
  const std::string line = "train --data " + shop().data + " --out " + path("model") + kTiny;
  const std::vector<std::string> lines = lines_of(output_of(line));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(
      lines[0],
      "histories count by their last 8 events; 2 epochs; an item has 3 codes and an ID token of "
      "8");
  EXPECT_TRUE(lines[1].starts_with("note: ")) << lines[1];  // of events that are never learned from
  EXPECT_TRUE(lines[2].starts_with("epoch   1")) << lines[2];
  EXPECT_TRUE(lines[4].starts_with(path("model") + ": best epoch")) << lines[4];
  const Json result = json_of(line + " --json");
  EXPECT_EQ(result.at("bundle"), path("model"));
  EXPECT_EQ(result.at("epochs"), 2);
  EXPECT_GE(result.at("best_epoch").get<int>(), 1);
  expect_metrics(result.at("validation"));
}

TEST_F(Workflow, EvaluateReportsOnBothProtocolsAndSplits) {
  const std::string line = "evaluate --json - --model " + shop().model + " --data " + shop().data;
  const Json full = json_of(line);
  expect_report(full, "test", "full");
  expect_tokens(full.at("tokens"));
  const Json validation = json_of(line + " --split validation");
  expect_report(validation, "validation", "full");
  EXPECT_NE(validation.at("metrics"), full.at("metrics"));
  const Json sampled = json_of(line + " --protocol sampled");
  expect_report(sampled, "test", "sampled");
  EXPECT_NE(sampled.at("negatives"), nullptr);
  EXPECT_GE(sampled.at("metrics").at("HR@10"), full.at("metrics").at("HR@10"))
      << "99 candidates are fewer than all";
}

void expect_figures(const Json& figures) {
  Json metrics = figures;
  for (const char* more :
       {"users", "interval", "chance", "slices", "beyond_accuracy", "settings", "tuning"}) {
    metrics.erase(more);
  }
  EXPECT_EQ(keys_of(metrics), kMetrics);
  for (const char* metric : {"HR@10", "NDCG@10"}) {
    const Json& interval = figures.at("interval").at(metric);
    EXPECT_LE(interval.at(0).get<double>(), figures.at(metric).get<double>());
    EXPECT_GE(interval.at(1).get<double>(), figures.at(metric).get<double>());
  }
}

TEST_F(Workflow, EverySliceHasItsIntervalAndChance) {
  const std::string line = "evaluate --model " + shop().model + " --data " + shop().data;
  const Json report = json_of(line + " --json -");
  int users = 0;
  for (const auto& [name, slice] : report.at("slices").items()) {
    expect_figures(slice);
    if (name == "repeated target") continue;  // lists leave it out: no chance
    // 150 items but the history: 10 of them by chance.
    EXPECT_GT(slice.at("chance").at("HR@10").get<double>(), 10.0 / 150) << name;
    EXPECT_LT(slice.at("chance").at("HR@10").get<double>(), 10.0 / 75) << name;
    if (name == "head" || name == "middle" || name == "tail" || name == "cold") {
      users += slice.at("users").get<int>();
    }
  }
  EXPECT_EQ(users, 300);
  const Json sampled = json_of(line + " --json - --protocol sampled --repeats published");
  // 10 of 100; whoever has had more than 51 of the 150 items has fewer negatives.
  EXPECT_GE(sampled.at("chance").at("HR@10").get<double>(), 0.1 - 1e-12);
  EXPECT_LT(sampled.at("chance").at("HR@10").get<double>(), 0.101);
  const std::string table = output_of(line + " --all");
  for (const char* words : {"head: ", "tail: ", "hits by chance", "coverage", "Gini"}) {
    EXPECT_NE(table.find(words), std::string::npos) << words;
  }
  EXPECT_EQ(table.find("nan"), std::string::npos) << table;
}

TEST_F(Workflow, BeyondAccuracyIsMeasuredOnTheFullProtocol) {
  const std::string line =
      "evaluate --baselines --json - --model " + shop().model + " --data " + shop().data;
  const Json report = json_of(line);
  for (const Json& measures : {report.at("beyond_accuracy"),
                               report.at("baselines").at("item-kNN").at("beyond_accuracy")}) {
    for (const char* share : {"coverage", "gini", "diversity"}) {
      EXPECT_GT(measures.at(share).get<double>(), 0.0) << share;
      EXPECT_LE(measures.at(share).get<double>(), 1.0) << share;
    }
    double exposure = 0.0;
    for (const Json& share : measures.at("exposure")) exposure += share.get<double>();
    EXPECT_NEAR(exposure, 1.0, 1e-9);
  }
  EXPECT_GT(report.at("baselines").at("popularity").at("beyond_accuracy").at("popularity"),
            report.at("targets").at("popularity"));
  EXPECT_EQ(report.at("targets").at("diversity"), nullptr);
  EXPECT_FALSE(json_of(line + " --protocol sampled").contains("beyond_accuracy"));
}

TEST_F(Workflow, BaselinesStandBesideTheModel) {
  const std::string line =
      "evaluate --baselines --model " + shop().model + " --data " + shop().data;
  const Json baselines = json_of(line + " --json -").at("baselines");
  EXPECT_EQ(keys_of(baselines),
            (std::set<std::string>{"popularity", "item-kNN", "sequential rules"}));
  for (const auto& [name, figures] : baselines.items()) {
    expect_figures(figures);
    EXPECT_FALSE(figures.contains("tuning"));
  }
  EXPECT_EQ(baselines.at("sequential rules").at("settings").at("window"), 20);
  const std::string table = output_of(line);
  for (const char* row : {"popularity", "item-kNN", "sequential rules", "NDCG@10", "(simulated)"}) {
    EXPECT_NE(table.find(row), std::string::npos) << row;
  }
}

TEST_F(Workflow, BaselinesAreTunedOnValidation) {
  const std::string model = copy(shop().model, "model");
  fs::remove(model + "/evaluations.jsonl");
  const std::string line =
      "evaluate --baselines tuned --budget 6 --model " + model + " --data " + shop().data;
  const Json tuned = json_of(line + " --json -").at("baselines");
  const Json fixed = json_of("evaluate --baselines fixed --split validation --json - --model " +
                             model + " --data " + shop().data)
                         .at("baselines");
  for (const char* name : {"item-kNN", "sequential rules"}) {
    const Json& tuning = tuned.at(name).at("tuning");
    EXPECT_EQ(tuning.at("metric"), "NDCG@10");
    ASSERT_EQ(tuning.at("tried").size(), 6U);
    EXPECT_EQ(tuning.at("tried")[0].at("settings"), fixed.at(name).at("settings"));
    EXPECT_EQ(tuning.at("tried")[0].at("validation").at("NDCG@10"), fixed.at(name).at("NDCG@10"));
    double best = 0.0;
    for (const Json& trial : tuning.at("tried")) {
      best = std::max(best, trial.at("validation").at("NDCG@10").get<double>());
      if (trial.at("settings") == tuned.at(name).at("settings")) {
        EXPECT_EQ(trial.at("validation"), tuning.at("validation"));
      }
    }
    EXPECT_EQ(tuning.at("validation").at("NDCG@10"), best);
    EXPECT_EQ(tuned.at(name).at("users"), 300);
  }
  EXPECT_FALSE(tuned.at("popularity").contains("tuning"));
  EXPECT_EQ(lines_of(content_of(model + "/evaluations.jsonl")).size(), 1U);
  const std::string words = output_of(line + " --protocol sampled");
  EXPECT_NE(words.find("item-kNN: best of 6 settings by validation HR@10"), std::string::npos)
      << words;
}

TEST_F(Workflow, AModelComparedWithItselfDoesNotDiffer) {
  const std::string other = copy(shop().model, "other");
  const std::string line =
      "evaluate --model " + shop().model + " --data " + shop().data + " --compare " + other;
  const Json report = json_of(line + " --json -");
  const Json& difference = report.at("difference");
  EXPECT_EQ(difference.at("model"), other);
  EXPECT_EQ(difference.at("HR@10"), (Json{0.0, 0.0, 0.0}));
  EXPECT_EQ(difference.at("NDCG@10"), (Json{0.0, 0.0, 0.0}));
  EXPECT_EQ(keys_of(difference.at("slices")), keys_of(report.at("slices")));
  EXPECT_EQ(difference.at("slices").at("tail").at("HR@10"), (Json{0.0, 0.0, 0.0}));
  expect_figures(report.at("compared"));
  EXPECT_EQ(report.at("compared").at("slices"), report.at("slices"));
  const std::string words = output_of(line);
  EXPECT_NE(words.find("NDCG@10 difference +0.0000"), std::string::npos) << words;
  EXPECT_NE(words.find("minus " + other), std::string::npos) << words;
}

TEST_F(Workflow, AComparisonIsALookAtBothModels) {
  const std::string model = copy(shop().model, "model");
  const std::string other = copy(shop().model, "other");
  for (const std::string& bundle : {model, other}) fs::remove(bundle + "/evaluations.jsonl");
  output_of("evaluate --model " + model + " --compare " + other + " --data " + shop().data);
  const std::vector<std::string> log = lines_of(content_of(model + "/evaluations.jsonl"));
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(lines_of(content_of(other + "/evaluations.jsonl")).size(), 1U);
}

TEST_F(Workflow, AReportGoesToAFileAsItGoesToStandardOutput) {
  const std::string line = "evaluate --model " + shop().model + " --data " + shop().data;
  const std::string words = output_of(line + " --json " + path("report.json"));
  EXPECT_NE(words.find("300 users"), std::string::npos);
  EXPECT_EQ(Json::parse(content_of(path("report.json"))), json_of(line + " --json -"));
}

TEST_F(Workflow, TheBundleLogsEveryTestEvaluationAndNoOther) {
  const std::string model = copy(shop().model, "model");
  fs::remove(model + "/evaluations.jsonl");
  const std::string line = "evaluate --model " + model + " --data " + shop().data;
  output_of(line + " --split validation");
  EXPECT_FALSE(fs::exists(model + "/evaluations.jsonl"));
  output_of(line);
  output_of(line + " --protocol sampled --seed 4");
  const std::vector<std::string> log = lines_of(content_of(model + "/evaluations.jsonl"));
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(Json::parse(log[0]).at("protocol"), "full");
  const Json second = Json::parse(log[1]);
  EXPECT_EQ(second.at("protocol"), "sampled");
  EXPECT_EQ(second.at("negatives"), "drawn by seed 4");
  EXPECT_EQ(second.at("time").get<std::string>().size(),
            std::string("2025-01-01T00:00:00Z").size());
  expect_metrics(second.at("metrics"));
}

TEST_F(Workflow, RecommendationsForAUserAreUnseenAndInOrder) {
  const Json answer = recommendations("--user U000001 -k 1000");
  EXPECT_EQ(keys_of(answer), (std::set<std::string>{"user", "items"}));
  EXPECT_EQ(answer.at("user"), "U000001");
  const Json everything = recommendations("--user U000001 -k 1000 --repeats");
  EXPECT_EQ(everything.at("items").size(), 150U) << "no more than the catalogue";
  const std::size_t unseen = answer.at("items").size();
  EXPECT_LE(unseen, 150U - 5) << "the user has five events or more";
  EXPECT_GE(unseen, 50U);
  double before = answer.at("items").at(0).at("score").get<double>();
  for (const Json& item : answer.at("items")) {
    EXPECT_EQ(keys_of(item), (std::set<std::string>{"id", "title", "score"}));
    EXPECT_FALSE(item.at("title").get<std::string>().empty());
    EXPECT_LE(item.at("score").get<double>(), before);
    before = item.at("score").get<double>();
  }
}

TEST_F(Workflow, ItemsOfAHistoryComeAgainOnlyWithRepeats) {
  const std::string history = "--history S000003,S000001,S000007 -k 150";
  std::vector<std::string> fresh = ids_in(recommendations(history).at("items"));
  std::vector<std::string> all = ids_in(recommendations(history + " --repeats").at("items"));
  EXPECT_EQ(fresh.size(), 147U);
  EXPECT_EQ(all.size(), 150U);
  for (const char* seen : {"S000001", "S000003", "S000007"}) {
    EXPECT_EQ(std::ranges::count(fresh, seen), 0) << seen;
    EXPECT_EQ(std::ranges::count(all, seen), 1) << seen;
  }
}

TEST_F(Workflow, AFileOfUsersGivesALineEachAsAskedAlone) {
  const std::string users = file("users.txt", "U000007\r\nU000002\nU000300");
  const std::string text =
      output_of("recommend --json -k 3 --model " + shop().model + " --users " + users);
  const std::vector<std::string> lines = lines_of(text);
  ASSERT_EQ(lines.size(), 3U);
  const std::vector<std::string> order = {"U000007", "U000002", "U000300"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Json together = Json::parse(lines[i]);
    EXPECT_EQ(together.at("user"), order[i]);
    EXPECT_EQ(together.at("items").size(), 3U);
    EXPECT_EQ(ids_in(together.at("items")),
              ids_in(recommendations("-k 3 --user " + order[i]).at("items")));
  }
}

TEST_F(Workflow, UsersAlikeAreInTheOrderOfTheirCosines) {
  const std::string line = "similar-users --json --model " + shop().model + " -k 300 ";
  const auto users = lines_of(output_of(line + "--user U000007"));
  ASSERT_EQ(users.size(), 299U) << "everybody else";
  double before = 1.0;
  for (const std::string& user : users) {
    const double cosine = Json::parse(user).at("cosine");
    EXPECT_NE(Json::parse(user).at("user"), "U000007");
    EXPECT_LE(cosine, before + 1e-12);
    before = cosine;
  }
  const auto some = lines_of(
      output_of("similar-users --model " + shop().model + " --history S000012,S000070 -k 3"));
  EXPECT_EQ(some.size(), 3U);
  expect_refusal(tessera(line + "--user nobody"), 1, {"user 'nobody'", "--history"});
  expect_refusal(tessera(line + "--history nothing"), 1, {"'nothing'"});
  expect_refusal(tessera(line), 2, {"--user"});
}

TEST_F(Workflow, WithoutJsonPeopleReadTitles) {
  const std::string text = output_of("recommend -k 2 --model " + shop().model + " --user U000001");
  const Json best = recommendations("-k 2 --user U000001").at("items");
  EXPECT_NE(text.find(best.at(0).at("title").get<std::string>()), std::string::npos) << text;
  EXPECT_NE(text.find(best.at(1).at("id").get<std::string>()), std::string::npos) << text;
}

TEST_F(Workflow, AHistoryLongerThanTheModelsIsReadFromItsEnd) {
  std::string longer = "S000020,S000021,S000022";
  std::string last;
  for (int i = 1; i <= 8; ++i) {
    last += (last.empty() ? "S00000" : ",S00000") + std::to_string(i);
  }
  longer += "," + last;
  const Finished finished =
      tessera("recommend --json --repeats --model " + shop().model + " --history " + longer);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("the last 8 of 11 events"), std::string::npos) << finished.err;
  EXPECT_EQ(Json::parse(finished.out), recommendations("--repeats --history " + last));
}

TEST_F(Workflow, TokensShowHealthItemsAndCodes) {
  const std::string line = "tokens --model " + shop().model;
  const Json health = json_of(line + " --json");
  expect_tokens(health);
  EXPECT_NE(output_of(line).find("level 3:"), std::string::npos);

  const Json item = json_of(line + " --item S000012 --json");
  EXPECT_EQ(item.at("id"), "S000012");
  ASSERT_EQ(item.at("codes").size(), 3U);
  EXPECT_EQ(item.at("id_token").size(), 8U);
  EXPECT_EQ(item.at("neighbours").size(), 10U);
  for (const Json& neighbour : item.at("neighbours")) EXPECT_NE(neighbour.at("id"), "S000012");
  EXPECT_NE(output_of(line + " --item S000012").find("S000012"), std::string::npos);

  const std::string code = " --code 2:" + item.at("codes").at(1).dump();
  const Json sharing = json_of(line + code + " --json");
  EXPECT_EQ(sharing.at("level"), 2);
  EXPECT_EQ(sharing.at("code"), item.at("codes").at(1));
  const std::vector<std::string> ids = ids_in(sharing.at("items"));
  EXPECT_EQ(std::ranges::count(ids, "S000012"), 1);
  EXPECT_EQ(sharing.at("neighbours").size(), 10U);
  EXPECT_NE(output_of(line + code).find("S000012"), std::string::npos);
}

TEST_F(Workflow, AModelOfIdTokensNeedsNoTextAndHasNoCodes) {
  const std::string data = copy(shop().data, "shop");
  fs::remove(data + "/embeddings.npy");
  const std::string model = path("ids");
  output_of("train --data " + data + " --out " + model + " --set tokens=id" + kTiny);
  const Json report = json_of("evaluate --json - --model " + model + " --data " + data);
  expect_report(report, "test", "full");
  EXPECT_TRUE(report.at("tokens").at("activation").empty());
  EXPECT_EQ(recommendations("-k 4 --user U000009").at("items").size(), 4U);
  EXPECT_TRUE(json_of("tokens --item S000012 --json --model " + model).at("codes").empty());
  expect_refusal(tessera("tokens --code 1:1 --model " + model), 1, {model, "no codes"});
}

TEST_F(Workflow, AModelOfSemanticTokensServesToo) {
  const std::string model = path("semantic");
  output_of("train --data " + shop().data + " --out " + model + " --set tokens=semantic" + kTiny);
  const Json tokens =
      json_of("evaluate --json - --model " + model + " --data " + shop().data).at("tokens");
  EXPECT_EQ(tokens.at("catalogue_parameters"), 3 * 16 * 16);
  EXPECT_EQ(json_of("recommend --json --user U000009 --model " + model).at("items").size(), 10U);
}

TEST_F(Workflow, EveryCommandHelpsWithAnExample) {
  for (const char* command :
       {"simulate", "prepare", "embed", "train", "evaluate", "recommend", "tokens"}) {
    const std::string help = output_of(std::string(command) + " --help");
    EXPECT_NE(help.find("Example"), std::string::npos) << command;
    EXPECT_NE(help.find("\n  tessera " + std::string(command) + " "), std::string::npos) << command;
  }
  EXPECT_NE(output_of("--help").find("tessera simulate"), std::string::npos);
  EXPECT_TRUE(output_of("--version").starts_with("tessera "));
}

}  // namespace
}  // namespace tessera::testing
