// Places that cannot be written: a full disk, a path below a file, a directory in place of a file.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

class Outputs : public CommandTest {
 protected:
  static Finished to_full_disk(const std::string& line) {
    return Process(tessera_command(line), "/dev/full").wait();
  }
};

TEST_F(Outputs, StandardOutputOnAFullDiskIsAFailure) {
  const std::string model = " --model " + shop().model;
  std::string users;
  for (int u = 101; u <= 300; ++u) users += "U000" + std::to_string(u) + "\n";
  for (const std::string& line :
       {"recommend --user U000001" + model, "tokens --json" + model,
        "recommend --json --users " + file("users.txt", users) + model,  // more than a buffer
        "evaluate --json - --data " + shop().data + model,
        "simulate --users 20 --items 20 --out " + path("shop"), std::string("train --help"),
        std::string("--version")}) {
    expect_refusal(to_full_disk(line), 1, {"standard output"});
  }
}

TEST_F(Outputs, AReportThatCannotBeWrittenIsAFailure) {
  const std::string line =
      "evaluate --data " + shop().data + " --model " + shop().model + " --json ";
  expect_refusal(tessera(line + "/dev/full"), 1, {"/dev/full", "No space left"});
  const std::string below = file("file.txt", "x") + "/report.json";
  expect_refusal(tessera(line + below), 1, {below, "cannot create"});
  expect_refusal(tessera(line + path("none/report.json")), 1,
                 {"none/report.json", "cannot create"});
  fs::create_directory(path("folder"));
  expect_refusal(tessera(line + path("folder")), 1, {path("folder"), "directory"});
  EXPECT_FALSE(fs::exists(path("folder.part"))) << "nothing half-written stays";
}

TEST_F(Outputs, ADirectoryThatCannotBeMadeIsNamed) {
  const std::string text = file("file.txt", "x");
  const std::string interactions = file("in.txt", "ann 1 2 3\n");
  for (const std::string& place : {text, text + "/below", std::string("/proc/tessera")}) {
    expect_refusal(tessera("simulate --users 20 --items 20 --out " + place), 1,
                   {place + ":", "directory"});
    expect_refusal(tessera("prepare --interactions " + interactions + " --out " + place), 1,
                   {place + ":", "directory"});
    expect_refusal(tessera("train --data " + shop().data + " --out " + place + kTiny), 1,
                   {place + ":", "directory"});
  }
  EXPECT_EQ(content_of(text), "x");
}

TEST_F(Outputs, NeverReplaceSomebodysFiles) {
  fs::create_directory(path("data"));
  file("data/events.jsonl", R"({"user": "a", "item": "1", "time": 5})");
  file("data/items.jsonl", R"({"item": "1", "title": "teapot"})");
  file("data/embeddings.npy", "mine");
  const std::string data = path("data");
  const std::string encoder = path("encoder");
  fs::create_directory(encoder);
  file("encoder/config.json", R"({"model_type": "bert"})");
  file("encoder/model.safetensors", "weights");
  const std::string dataset = copy(shop().data, "dataset");
  const std::string model = copy(shop().model, "model");
  const auto before = snapshot(path(""));
  const auto refused = [&](const std::string& line, std::initializer_list<std::string_view> parts) {
    expect_refusal(tessera(line), 1, parts);
    EXPECT_EQ(snapshot(path("")), before) << line;
  };
  refused("prepare --format jsonl --interactions " + data + "/events.jsonl --items " + data +
              "/items.jsonl --out " + data,
          {data + ": is not empty, it holds embeddings.npy, events.jsonl, items.jsonl",
           "empty folder"});
  refused("simulate --users 20 --items 20 --out " + data, {data + ": is not empty, it holds"});
  refused("simulate --users 20 --items 20 --out " + model,
          {model + ": is not empty, it holds a model bundle"});
  refused("train --data " + dataset + " --out " + dataset + kTiny, {"holds a dataset"});
  refused("train --data " + dataset + " --out " + encoder + kTiny,
          {encoder + ": is not empty, it holds config.json, model.safetensors"});
  refused("serve --listen 127.0.0.1:0 --model " + model + " --state " + data,
          {data + ": is not empty, it holds"});
  refused("serve --listen 127.0.0.1:0 --model " + model + " --state " + model, {"model bundle"});
  refused("serve --listen 127.0.0.1:0 --model " + model + " --state " + path("state") +
              " --backups " + data,
          {data + ": is not empty, it holds"});
  refused("restore --backup " + data + " --state " + encoder,
          {encoder + ": is not empty, it holds"});
  for (const char* what : {"vectors", "tokens"}) {
    for (const char* file : {"/events.npy", "/items.jsonl", "/dataset.json"}) {
      refused("export --model " + model + " --what " + what + " --out " + dataset + file,
              {file, "is there already"});
    }
  }
  refused("evaluate --model " + model + " --data " + dataset + " --json " + model + "/config.json",
          {"config.json", "is not a report"});
}

TEST_F(Outputs, AreReplacedWhereTheyAreOfTheSameKind) {
  const std::string data = copy(shop().data, "data");
  const std::string model = path("model");
  for (int round = 0; round < 2; ++round) {
    output_of("simulate --users 300 --items 150 --seed 3 --out " + data);
    output_of("embed --dims 32 --data " + data);
    output_of("train --data " + data + " --out " + model + kTiny);
    output_of("export --model " + model + " --what vectors --out " + path("vectors.npy"));
    output_of("export --model " + model + " --what tokens --out " + path("tokens.json"));
    output_of("evaluate --model " + model + " --data " + data + " --json " + path("report.json"));
  }
}

TEST_F(Outputs, AModelOfAnotherRecipeIsReplacedOnlyWhereTold) {
  const std::string model = copy(shop().model, "model");
  const std::string line = "train --data " + shop().data + " --out " + model + kTinyDefault;
  const auto before = snapshot(model);
  expect_refusal(tessera(line), 1, {model, "recipe paper", "default", "--overwrite"});
  expect_refusal(tessera(line + " --refit"), 1, {model, "recipe paper", "--overwrite"});
  expect_refusal(
      tessera("train --data " + shop().data + " --out " + model + " --refit " + default_model()), 1,
      {model, "recipe paper", "--overwrite"});
  EXPECT_EQ(snapshot(model), before);
  expect_refusal(
      tessera("train --resume --recipe default --data " + shop().data + " --out " + model), 2,
      {"--recipe", "--resume", "paper"});
  expect_refusal(tessera("train --resume --overwrite --data " + shop().data + " --out " + model), 2,
                 {"--overwrite", "--resume"});
  EXPECT_EQ(snapshot(model), before);
  output_of(line + " --overwrite --set tokens=id");
  EXPECT_EQ(Json::parse(content_of(model + "/config.json")).at("settings").at("recipe"), "default");
}

TEST_F(Outputs, ASecondTrainingIntoABundleIsRefusedByALock) {
  const std::string data = path("data");
  const std::string model = path("model");
  output_of("simulate --users 4000 --items 400 --seed 8 --out " + data);
  output_of("embed --dims 16 --data " + data);
  const std::string line = "train --data " + data + " --out " + model + " --set batch_users=1";
  Process first(tessera_command(line));
  ASSERT_TRUE(eventually([&] { return fs::exists(model + "/.tessera-lock"); }));
  expect_refusal(tessera(line), 1, {model + ": another process", "a model bundle"});
  first.signal(SIGINT);
  expect_refusal(first.wait(), 1, {"interrupted", "--resume"});
  EXPECT_FALSE(fs::exists(model + "/.tessera-lock"));
}

TEST_F(Outputs, AFailedTrainingLeavesTheLastGoodModel) {
  const std::string model = copy(shop().model, "model");
  const std::string data = copy(shop().data, "data");
  const auto before = snapshot(model);
  fs::remove(data + "/embeddings.npy");
  expect_refusal(tessera("train --data " + data + " --out " + model + kTiny), 1,
                 {"embeddings.npy"});
  EXPECT_EQ(snapshot(model), before);
}

TEST_F(Outputs, ATrainingStoppedInItsFirstEpochLeavesTheLastGoodModel) {
  const std::string model = copy(shop().model, "model");
  const std::string data = path("data");
  output_of("simulate --users 4000 --items 400 --seed 8 --out " + data);
  output_of("embed --dims 16 --data " + data);
  Process process(tessera_command("train --data " + data + " --out " + model +
                                  " --overwrite --set batch_users=1"));
  ASSERT_TRUE(eventually([&] { return process.handles(SIGINT); }));
  process.signal(SIGINT);
  expect_refusal(process.wait(), 1, {"interrupted", "--resume"});
  for (const char* name : {"model.safetensors", "items.jsonl", "config.json", "training.jsonl",
                           "text_encoder.safetensors"}) {
    EXPECT_TRUE(content_of(model + "/" + name) == content_of(shop().model + "/" + name)) << name;
  }
  EXPECT_EQ(json_of("recommend --json --user U000001 --model " + model).at("items").size(), 10U);
}

}  // namespace
}  // namespace tessera::testing
