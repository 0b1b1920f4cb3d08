// Damaged bundles, data that is not the model's, negatives that do not fit, unknown users and
// items.
#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/shop.h"

namespace tessera::testing {
namespace {

class DamagedBundle : public CommandTest {
 protected:
  /// A copy of the bundle with one file changed; every command refuses it.
  void expect_refused(const char* name, const std::string& content,
                      std::initializer_list<std::string_view> parts) {
    fs::remove_all(path("model"));
    const std::string model = copy(shop().model, "model");
    write(model + "/" + name, content);
    expect_refused_whole(model, parts);
  }
  void expect_refused_whole(const std::string& model,
                            std::initializer_list<std::string_view> parts) {
    expect_refusal(tessera("recommend --user U000001 --model " + model), 1, parts);
    expect_refusal(tessera("tokens --model " + model), 1, parts);
    expect_refusal(tessera("evaluate --data " + shop().data + " --model " + model + " --json " +
                           path("report.json")),
                   1, parts);
    EXPECT_FALSE(fs::exists(path("report.json")));
  }
  static std::string content(const char* name) { return content_of(shop().model + "/" + name); }
};

TEST_F(DamagedBundle, WeightsThatAreCutOrRenamedAreNamed) {
  const std::string weights = content("model.safetensors");
  expect_refused("model.safetensors", weights.substr(0, weights.size() / 2),
                 {"model.safetensors", "damaged"});
  expect_refused("model.safetensors", "", {"model.safetensors", "damaged"});
  expect_refused("model.safetensors", std::string(64, '\xFF'), {"model.safetensors", "damaged"});
  std::string renamed = weights;
  renamed.replace(renamed.find("codebook.0"), 10, "codebook.7");
  expect_refused("model.safetensors", renamed, {"model.safetensors", "'codebook.0'"});
}

TEST_F(DamagedBundle, SettingsThatAskForMoreThanTheFileHoldsAllocateNothing) {
  for (const char* setting : {"semantic_dims", "hidden", "feed_forward", "max_length"}) {
    Json config = Json::parse(content("config.json"));
    config["settings"][setting] = 1'000'000;
    expect_refused("config.json", config.dump(),
                   {"config.json", "more than model.safetensors holds"});
  }
  Json config = Json::parse(content("config.json"));
  config["text_dims"] = 1'000'000'000'000;
  expect_refused("config.json", config.dump(),
                 {"config.json", "more than model.safetensors holds"});
}

TEST_F(DamagedBundle, APipeInThePlaceOfAFileIsNotWaitedFor) {
  for (const char* name : {"items.jsonl", "model.safetensors", "text_encoder.safetensors"}) {
    fs::remove_all(path("model"));
    const std::string model = copy(shop().model, "model");
    fs::remove(model + "/" + name);
    ASSERT_EQ(::mkfifo((model + "/" + name).c_str(), 0600), 0);
    expect_refused_whole(model, {name, "not a plain file"});
  }
}

TEST_F(DamagedBundle, AMissingFileIsNamed) {
  for (const char* name : {"items.jsonl", "model.safetensors", "config.json"}) {
    fs::remove_all(path("model"));
    const std::string model = copy(shop().model, "model");
    fs::remove(model + "/" + name);
    expect_refused_whole(model, {model, name});
  }
}

TEST_F(DamagedBundle, AConfigThatIsGarbageIsNamed) {
  expect_refused("config.json", "\x01\x02garbage", {"config.json:1: not valid JSON"});
  expect_refused("config.json", "[1, 2]", {"config.json", "object"});
  expect_refused("config.json", "{}", {"config.json", "format_version"});
  Json config = Json::parse(content("config.json"));
  config["settings"]["hidden"] = "many";
  expect_refused("config.json", config.dump(), {"config.json", "hidden", "whole number"});
  config = Json::parse(content("config.json"));
  config["settings"]["codebook_size"] = 32;
  expect_refused("config.json", config.dump(), {"model.safetensors", "codebook.0", "32"});
  config = Json::parse(content("config.json"));
  config.erase("settings");
  expect_refused("config.json", config.dump(), {"config.json", "'settings'"});
  config = Json::parse(content("config.json"));
  config["items"] = 151;
  expect_refused("config.json", config.dump(), {"items.jsonl", "150 items", "151"});
}

TEST_F(DamagedBundle, ANewerFormatAsksForANewerProgram) {
  Json config = Json::parse(content("config.json"));
  config["format_version"] = 2;
  expect_refused("config.json", config.dump(), {"config.json", "version 2", "update tessera"});
}

TEST_F(DamagedBundle, ItemsThatAreDamagedAreNamedByLine) {
  const std::string items = content("items.jsonl");
  expect_refused("items.jsonl", items.substr(0, items.size() - 20), {"items.jsonl:150"});
  expect_refused("items.jsonl", "[]\n" + items, {"items.jsonl:1:", "'id'"});
}

TEST_F(DamagedBundle, APlaceWithoutABundleIsNamed) {
  const std::string text = file("file.txt", "x");
  for (const std::string& place : {path("nothing"), shop().data, text}) {
    expect_refused_whole(place, {place, "not a model bundle", "tessera train"});
  }
}

class OtherData : public CommandTest {};

TEST_F(OtherData, IsRefusedByItsFingerprint) {
  const std::string other = path("other");
  output_of("simulate --users 300 --items 150 --seed 4 --out " + other);
  expect_refusal(tessera("evaluate --data " + other + " --model " + shop().model), 1,
                 {shop().model, "other data", "trained on"});
  expect_refusal(tessera("recommend --user U000001 --data " + other + " --model " + shop().model),
                 1, {other, "other data", "trained on"});
}

TEST_F(OtherData, RecommendingAfterTheDatasetHasMovedNeedsItsNewPlace) {
  const std::string data = copy(shop().data, "data");
  output_of("train --data " + data + " --out " + path("model") + kTiny);
  fs::rename(data, path("moved"));
  const std::string line = "recommend --json --user U000001 --model " + path("model");
  expect_refusal(tessera(line), 1, {data, "not a dataset directory"});
  EXPECT_EQ(json_of(line + " --data " + path("moved")).at("user"), "U000001");
  EXPECT_EQ(
      json_of("recommend --json --history S000001 --model " + path("model")).at("items").size(),
      10U)
      << "a history needs no dataset";
}

class NegativesFile : public CommandTest {
 protected:
  static inline const std::string kData = "ann 1 2 3 4\nbob 2 3 4 5\ncid 5 1 2 3\n";
  static inline const std::string kGood = "ann 6 7\nbob 1 6\ncid 7 8\n";

  void SetUp() override {
    Json texts;
    for (int i = 1; i <= 8; ++i) texts[std::to_string(i)] = "tea " + std::to_string(i);
    output_of("prepare --interactions " + file("in.txt", kData) + " --item-text " +
              file("text.json", texts.dump()) + " --out " + path("data"));
    output_of("train --set tokens=id --data " + path("data") + " --out " + path("model") + kTiny);
  }
  std::string evaluation(const std::string& negatives) const {
    return "evaluate --protocol sampled --data " + path("data") + " --model " + path("model") +
           " --negatives " + negatives;
  }
};

TEST_F(NegativesFile, ThatFitsIsUsed) {
  const std::string line = evaluation(file("negatives.txt", kGood));
  EXPECT_EQ(json_of(line + " --json -").at("negatives"), path("negatives.txt"));
  EXPECT_NE(output_of(line).find("3 candidates"), std::string::npos);
}

TEST_F(NegativesFile, ThatDoesNotFitIsRefusedByLine) {
  const auto refused = [&](const std::string& content,
                           std::initializer_list<std::string_view> parts) {
    const std::string negatives = file("negatives.txt", content);
    expect_refusal(tessera(evaluation(negatives) + " --json " + path("report.json")), 1, parts);
    EXPECT_FALSE(fs::exists(path("report.json")));
    expect_refusal(tessera("train --set tokens=id --data " + path("data") + " --out " +
                           path("other") + kTiny + " --negatives " + negatives),
                   1, parts);
    EXPECT_FALSE(fs::exists(path("other")));
  };
  refused("ann 6 7\ncid 7 8\nbob 1 6\n", {"negatives.txt:2:", "'cid'", "'bob'"});
  refused("ann 6 7\nbob 5 6\ncid 7 8\n", {"negatives.txt:2:", "'5'", "history"});
  refused("ann 6 7\nbob 1 6\n", {"negatives.txt", "2 lines for 3 users"});
  refused("ann 6 7\nbob 1 6\ncid 7\n", {"negatives.txt:3:"});
  refused(kGood + "dan 1 2\n", {"negatives.txt:4:", "more lines"});
  refused("ann 6 99\nbob 1 6\ncid 7 8\n", {"negatives.txt:1:", "'99'"});
  refused("ann 6 7\n\ncid 7 8\n", {"negatives.txt:2:", "empty line"});
  refused("", {"negatives.txt"});
  expect_refusal(tessera(evaluation(path("none.txt"))), 1, {path("none.txt"), "cannot open"});
  expect_refusal(tessera(evaluation(path(""))), 1, {"directory"});
}

TEST_F(NegativesFile, BelongsToTheSampledProtocol) {
  expect_refusal(tessera("evaluate --data " + path("data") + " --model " + path("model") +
                         " --negatives " + file("negatives.txt", kGood)),
                 2, {"--negatives", "--protocol sampled"});
}

class Whom : public CommandTest {
 protected:
  static Finished recommend(const std::string& whom, const Words& more = {}) {
    return tessera("recommend --model " + shop().model + " " + whom, more);
  }
};

TEST_F(Whom, UnknownUsersAndItemsAreNamed) {
  expect_refusal(recommend("--user nobody"), 1, {"'nobody'", "--history"});
  expect_refusal(recommend("--history S000001,S999999"), 1, {"'S999999'", "items.jsonl"});
  expect_refusal(tessera("tokens --item S999999 --model " + shop().model), 1, {"'S999999'"});
}

// States of several users are computed together, whose last bits differ from those of one alone.
void expect_same_list(const std::string& line, const std::string& other) {
  const Json a = Json::parse(line).at("items"), b = Json::parse(other).at("items");
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].at("id"), b[i].at("id"));
    EXPECT_NEAR(a[i].at("score").get<double>(), b[i].at("score").get<double>(), 1e-6);
  }
}

TEST_F(Whom, LinesWithoutAUserAreToldAndLeaveTheOthersTheirLists) {
  const std::string users = file("users.txt", "U000001\nnobody\n\nU000002\n");
  const Finished finished = recommend("--json -k 3 --users " + users);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("users.txt:2: user 'nobody'"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("users.txt:3: the line is empty"), std::string::npos) << finished.err;
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_EQ(lines.size(), 4U);
  expect_same_list(lines[0], recommend("--json -k 3 --user U000001").out);
  expect_same_list(lines[3], recommend("--json -k 3 --user U000002").out);
  const Json refused = Json::parse(lines[1]);
  EXPECT_EQ(refused.at("user"), "nobody");
  EXPECT_TRUE(refused.at("items").empty());
  EXPECT_NE(refused.at("error").get<std::string>().find("not in the dataset"), std::string::npos);
  EXPECT_EQ(recommend("--users " + users).out.find("nobody"), std::string::npos);
  const Finished none = recommend("--users " + file("nobody.txt", "nobody\n"));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.err.find("none of its 1 lines"), std::string::npos) << none.err;
}

TEST_F(Whom, ADatasetBesideAHistoryMustBeTheModels) {
  EXPECT_EQ(recommend("--json --history S000001 --data " + shop().data).out,
            recommend("--json --history S000001").out);
  output_of("simulate --users 300 --items 150 --seed 4 --out " + path("other"));
  expect_refusal(recommend("--history S000001 --data " + path("other")), 1, {path("other")});
}

TEST_F(Whom, AHistoryMayBeAJsonListOfIdsWithCommas) {
  const std::string data = path("data");
  output_of("prepare --format csv --k-core 1 --out " + data + " --interactions " +
            file("events.csv",
                 "user,item,time\nu,\"a,b\",1\nu,2,2\nu,c,3\nu,d,4\nv,c,1\nv,2,2\nv,d,3\nv,2,4\n"));
  output_of("train --set tokens=id --data " + data + " --out " + path("model") + kTiny);
  const auto titles = [&](const std::string& history) {
    return tessera("recommend --json --repeats --model " + path("model") + " --history", {history});
  };
  const Json best = Json::parse(titles(R"(["a,b", 2])").out).at("items");
  EXPECT_EQ(best.size(), 4U);
  EXPECT_EQ(titles(R"(["2", "c"])").out, titles("2,c").out);
  expect_refusal(titles("a,b"), 1, {"'a'", "JSON list"});
  expect_refusal(titles("[]"), 2, {"--history", "JSON list"});
}

TEST_F(Whom, WhoHasSeenEverythingIsToldSo) {
  std::string all = "S000001";
  for (int i = 2; i <= 150; ++i) all += fmt::format(",S{:06}", i);
  const Finished finished = recommend("--history " + all);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.out.find("Recommended: nothing"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("--repeats"), std::string::npos);
}

TEST_F(Whom, AnEmptyHistoryOrUserIsWrongUsage) {
  expect_refusal(recommend("--history", {""}), 2, {"--history", "empty"});
  expect_refusal(recommend("--user", {""}), 2, {"--user", "empty"});
  expect_refusal(recommend("--users", {""}), 2, {"--users", "empty"});
  expect_refusal(recommend("--history S000001,,S000002"), 2, {"--history", "commas"});
  expect_refusal(recommend("--history ,"), 2, {"--history", "commas"});
}

TEST_F(Whom, AFileOfUsersMustHoldSome) {
  expect_refusal(recommend("--users " + file("users.txt", "")), 1, {"users.txt", "empty"});
  expect_refusal(recommend("--users " + path("none.txt")), 1, {path("none.txt"), "cannot open"});
  expect_refusal(recommend("--users " + path("")), 1, {path(""), "directory"});
}

}  // namespace
}  // namespace tessera::testing
