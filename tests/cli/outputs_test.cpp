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
  Process process(
      tessera_command("train --data " + data + " --out " + model + " --set batch_users=1"));
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
