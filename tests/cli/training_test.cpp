// Training as its users expect it: the same again, going on after an interruption, stopping early.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

constexpr const char* kHint = "--resume";

/// training.jsonl without the seconds.
std::vector<Json> history_of(const std::string& model) {
  std::vector<Json> epochs;
  for (const std::string& line : lines_of(content_of(model + "/training.jsonl"))) {
    epochs.push_back(Json::parse(line));
    epochs.back().erase("seconds");
  }
  return epochs;
}

void expect_same_run(const std::string& model, const std::string& other) {
  EXPECT_EQ(history_of(model), history_of(other));
  for (const char* name : {"/model.safetensors", "/items.jsonl"}) {
    const std::string content = content_of(model + name);
    EXPECT_FALSE(content.empty());
    EXPECT_TRUE(content == content_of(other + name)) << name;
  }
}

class Training : public CommandTest {
 protected:
  std::string line(const std::string& model, const std::string& settings) const {
    return "train --data " + shop().data + " --out " + path(model) + kTiny + settings;
  }
  /// Starts the training, interrupts it once `epochs` lines are logged, and returns what it said.
  Finished interrupted(const std::string& command, const std::string& model, std::size_t epochs,
                       int signal) const {
    Process process(tessera_command(command));
    const std::string log = path(model) + "/training.jsonl";
    EXPECT_TRUE(eventually([&] { return lines_of(content_of(log)).size() >= epochs; }));
    process.signal(signal);
    return process.wait();
  }
};

TEST_F(Training, TheSameSeedTrainsTheSameModelAndAnotherSeedAnother) {
  output_of(line("same", ""));
  expect_same_run(shop().model, path("same"));
  output_of(line("other", "--set seed=2"));
  EXPECT_NE(content_of(path("other/model.safetensors")),
            content_of(path("same/model.safetensors")));
  EXPECT_NE(history_of(path("other")), history_of(path("same")));
}

TEST_F(Training, AnInterruptedRunResumesToTheUnbrokenResult) {
  // Many small steps, so that the signals arrive long before the end.
  const std::string settings = "--set batch_users=4 --set epochs=12 --set patience=100";
  output_of(line("unbroken", settings));
  ASSERT_EQ(history_of(path("unbroken")).size(), 12U);

  const Finished first = interrupted(line("broken", settings), "broken", 1, SIGINT);
  expect_refusal(first, 1, {"interrupted", "tessera train", path("broken"), kHint});
  const std::size_t before = history_of(path("broken")).size();
  ASSERT_LT(before, 12U) << "the signal came too late to interrupt anything";
  const std::string resume = "train --resume --data " + shop().data + " --out " + path("broken");
  expect_refusal(interrupted(resume, "broken", before + 1, SIGTERM), 1, {"interrupted", kHint});
  EXPECT_EQ(json_of(resume + " --json").at("epochs"), 12);
  expect_same_run(path("unbroken"), path("broken"));
}

TEST_F(Training, ARefitSaysSoAndIsNotMeasuredOnWhatItHasSeen) {
  const std::string model = path("model");
  const std::string said = output_of(line("model", "--refit"));
  EXPECT_NE(said.find("refit, epoch   1"), std::string::npos) << said;
  EXPECT_NE(said.find("refit on every event"), std::string::npos) << said;
  const std::string evaluate = "evaluate --data " + shop().data + " --model ";
  for (const char* split : {"test", "validation"}) {
    expect_refusal(tessera(evaluate + model + " --split " + split), 1,
                   {model, "refit", model + "/selection", "--seen"});
  }
  expect_refusal(tessera(evaluate + shop().model + " --compare " + model), 1, {model, "refit"});
  EXPECT_FALSE(fs::exists(model + "/evaluations.jsonl"));
  EXPECT_EQ(json_of(evaluate + model + "/selection --json -").at("seen"), false);
  EXPECT_EQ(json_of(evaluate + model + " --seen --json -").at("seen"), true);
  EXPECT_EQ(Json::parse(content_of(model + "/evaluations.jsonl")).at("seen"), true);
  EXPECT_NE(output_of(evaluate + model + " --seen").find("remembers"), std::string::npos);
}

TEST_F(Training, AnEarlierBundleIsRefitAsItWas) {
  const std::string refit = "train --data " + shop().data + " --refit " + shop().model + " --out ";
  const Json result = json_of(refit + path("refit") + " --json");
  EXPECT_EQ(result.at("refit"), true);
  const Json config = Json::parse(content_of(path("refit/config.json")));
  const Json chose = Json::parse(content_of(shop().model + "/config.json"));
  EXPECT_EQ(config.at("chosen").at("validation"), chose.at("validation"));
  EXPECT_EQ(config.at("chosen").at("bundle"), shop().model);
  EXPECT_EQ(config.at("epoch"), chose.at("epoch"));
  expect_refusal(tessera(refit + path("other") + " --set seed=2"), 2, {"--set", "--refit"});
  expect_refusal(tessera(refit + path("other") + " --resume"), 2, {"refit", "resuming"});
  EXPECT_FALSE(fs::exists(path("other")));
}

TEST_F(Training, AWarmStartGoesOnFromABundleOnNewerData) {
  output_of("simulate --users 320 --items 160 --seed 3 --out " + path("newer"));
  const std::string words = output_of("embed --data " + path("newer") + " --from " + shop().model);
  EXPECT_NE(words.find("160 embeddings of 32 dims"), std::string::npos) << words;
  const std::string train = "train --data " + path("newer") + " --from " + shop().model;
  const Json result = json_of(train + " --set epochs=1 --json --out " + path("next"));
  EXPECT_EQ(result.at("epochs"), 1);
  EXPECT_EQ(result.at("from").at("known_items"), 150);
  EXPECT_EQ(result.at("from").at("new_items"), 10);
  const std::string said = output_of(train + " --set epochs=1 --tokens keep --out " + path("kept"));
  EXPECT_NE(said.find("150 items known, 10 new, 0 gone"), std::string::npos) << said;
  const Json report = json_of("evaluate --newer --data " + path("newer") + " --model " +
                              path("next") + " --compare " + shop().model + " --json -");
  EXPECT_EQ(report.at("users"), 320);
  EXPECT_TRUE(report.contains("difference"));
  expect_refusal(tessera("evaluate --data " + path("newer") + " --model " + shop().model), 1,
                 {shop().model, "other data"});
  for (const char* wrong : {" --recipe paper", " --resume", " --tokens move"}) {
    expect_refusal(tessera(train + wrong + " --out " + path("other")), 2, {"--"});
  }
  expect_refusal(tessera(train + " --set hidden=32 --out " + path("other")), 1, {"hidden = 32"});
  expect_refusal(tessera("embed --encoder npy --data " + path("newer") + " --from " + path("next")),
                 2, {"--encoder", "--from"});
}

TEST_F(Training, ResumingAFinishedRunChangesNothing) {
  const std::string model = copy(shop().model, "model");
  const auto before = snapshot(model);
  const Json result = json_of("train --resume --json --data " + shop().data + " --out " + model);
  EXPECT_EQ(result.at("epochs"), 2);
  EXPECT_EQ(snapshot(model), before);
}

// The way of somebody who has a log and nothing else, recommended to at its end.
TEST_F(Training, ALogWithoutTextsNeedsNoEmbeddings) {
  const std::string log = file("log.txt", "ann 1 2 3 4 5\nbob 2 3 4 5 1\neve 3 4 5 1 2 6\n");
  output_of("prepare --interactions " + log + " --out " + path("data"));
  const std::string model = path("model");
  const std::string said = output_of("train --data " + path("data") + " --out " + model +
                                     kTinySettings + "--set collaborative_epochs=1");
  EXPECT_NE(said.find("no item has a text: ID tokens alone"), std::string::npos) << said;
  EXPECT_NE(said.find("an item has an ID token of 64"), std::string::npos) << said;
  const Json list = json_of("recommend --json --user ann -k 1 --model " + model);
  EXPECT_EQ(list.at("items").size(), 1U);
}

TEST_F(Training, ItStopsWhenValidationNoLongerImproves) {
  const Json result =
      json_of(line("model", "--json --set learning_rate=1 --set patience=1 --set epochs=60"));
  EXPECT_LT(result.at("epochs").get<int>(), 60);
  EXPECT_EQ(result.at("epochs").get<int>(), result.at("best_epoch").get<int>() + 1);
  const Json config = Json::parse(content_of(path("model/config.json")));
  EXPECT_EQ(config.at("epoch"), result.at("best_epoch")) << "the bundle holds the best epoch";
}

TEST_F(Training, ResumingOnOtherDataIsRefused) {
  const std::string model = copy(shop().model, "model");
  output_of("simulate --users 300 --items 150 --seed 4 --out " + path("other"));
  output_of("embed --dims 32 --data " + path("other"));
  const auto before = snapshot(model);
  expect_refusal(tessera("train --resume --data " + path("other") + " --out " + model), 1,
                 {model + "/checkpoint.safetensors", "other data", "without --resume"});
  EXPECT_EQ(snapshot(model), before);
}

TEST_F(Training, ResumingOnOtherEmbeddingsIsRefused) {
  const std::string data = copy(shop().data, "data");
  const std::string model = path("model");
  const std::string train = "train --data " + data + " --out " + model;
  output_of(train + kTiny);
  const auto before = snapshot(model);
  for (const char* options : {"--dims 16", "--dims 32 --seed 9"}) {
    output_of("embed --data " + data + " " + options);
    expect_refusal(tessera(train + " --resume"), 1, {data + "/embeddings.npy", "without --resume"});
  }
  EXPECT_EQ(snapshot(model), before);
}

TEST_F(Training, AResumedRunValidatesOnTheNegativesItBeganWith) {
  std::string negatives;
  for (int u = 1; u <= 12; ++u) {
    negatives += "u" + std::to_string(u) + " 38 39 40\n";
  }
  std::string interactions;
  for (int u = 1; u <= 12; ++u) {
    interactions += "u" + std::to_string(u);
    for (int i = 0; i < 5; ++i) interactions += " " + std::to_string(1 + (u * 3 + i) % 37);
    interactions += "\n";
  }
  interactions += "extra 38 39\n";
  negatives += "extra 1 2 3\n";
  interactions.insert(interactions.size() - 1, " 40");
  output_of("prepare --interactions " + file("in.txt", interactions) + " --out " + path("data"));
  const std::string data = "--data " + path("data");
  const std::string begin = "train " + data + kTiny + " --set tokens=id --set batch_users=1" +
                            " --set epochs=150 --set patience=1000 --negatives " +
                            file("negatives.txt", negatives) + " --out ";
  output_of(begin + path("unbroken"));
  interrupted(begin + path("broken"), "broken", 1, SIGINT);
  ASSERT_LT(history_of(path("broken")).size(), 150U);
  output_of("train --resume " + data + " --out " + path("broken"));
  expect_same_run(path("unbroken"), path("broken"));
}

TEST_F(Training, NothingToResumeIsRefusedAndLeavesNothing) {
  expect_refusal(tessera("train --resume --data " + shop().data + " --out " + path("new")), 1,
                 {path("new") + "/checkpoint.safetensors", "without --resume"});
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(Training, ADamagedCheckpointIsRefused) {
  const std::string model = copy(shop().model, "model");
  const std::string checkpoint = model + "/checkpoint.safetensors";
  const std::string whole = content_of(checkpoint);
  std::string renamed = whole;
  renamed.replace(renamed.find("codebook_sums.0"), 15, "codebook_sums.9");
  std::string state = whole;
  state.replace(state.find("best_epoch"), 10, "best_epoxh");
  for (const std::string& damaged :
       {whole.substr(0, whole.size() / 2), whole.substr(0, 5), std::string(), renamed, state,
        std::string("not a checkpoint at all"), content_of(model + "/model.safetensors")}) {
    write(checkpoint, damaged);
    const auto before = snapshot(model);
    expect_refusal(tessera("train --resume --data " + shop().data + " --out " + model), 1,
                   {checkpoint, "without --resume"});
    EXPECT_EQ(snapshot(model), before);
  }
}

TEST_F(Training, AFinishedRunGoesOnWithMoreEpochs) {
  const std::string model = copy(shop().model, "model");
  output_of("train --resume --set epochs=3 --data " + shop().data + " --out " + model);
  EXPECT_EQ(lines_of(content_of(model + "/training.jsonl")).size(), 3U);
  output_of("train --data " + shop().data + " --out " + path("whole") + kTiny + " --set epochs=3");
  EXPECT_EQ(content_of(model + "/model.safetensors"),
            content_of(path("whole") + "/model.safetensors"));
}

TEST_F(Training, NegativesThatAreNotReadAreTold) {
  const Finished finished = tessera("train --set tokens=id --set epochs=1 --data " + shop().data +
                                    " --out " + path("model") + kTinyDefault + " --negatives none");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.err.find("--negatives is not read"), std::string::npos) << finished.err;
}

TEST_F(Training, SettingsAreNotChangedOnResuming) {
  expect_refusal(tessera("train --resume --set seed=5 --data " + shop().data + " --out " +
                         copy(shop().model, "model")),
                 2, {"--set", "--resume"});
}

TEST_F(Training, ALossThatIsNotFiniteEndsTheRunInOneLine) {
  const std::string data = copy(shop().data, "data");
  std::string rows = content_of(data + "/embeddings.npy");
  const std::size_t body = rows.size() - 150 * 32 * sizeof(float);
  for (std::size_t i = 0; i < 150 * 32; ++i) {
    const float huge = 1e30F;
    std::memcpy(rows.data() + body + i * sizeof(float), &huge, sizeof huge);
  }
  write(data + "/embeddings.npy", rows);
  expect_refusal(tessera("train --data " + data + " --out " + path("model") + kTiny), 1,
                 {"epoch 1, step 1", "embeddings"});
}

}  // namespace
}  // namespace tessera::testing
