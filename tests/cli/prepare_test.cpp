// prepare as a command: what it prints, writes, refuses and leaves behind.
#include <sys/stat.h>

#include "cli/shop.h"
#include "testing/small_disk.h"

namespace tessera::testing {
namespace {

constexpr const char* kLog =
    "user_id,item_id,rating,timestamp\nann,p,5,10\nann,q,4,20\nann,r,5,30\nbob,p,2,10\nbob,q,4,22\n"
    "bob,s,5,32\nbob,p,5,41\n";

class PrepareCommand : public CommandTest {
 protected:
  std::string line(const std::string& input) const {
    return "prepare --format csv --interactions " + input + " --out " + path("data");
  }
};

TEST_F(PrepareCommand, PrintsWhatItGuessedAndSavesASummary) {
  const std::string command = line(file("log.csv", kLog)) + " --min-rating 4";
  const std::string words = output_of(command);
  EXPECT_NE(words.find("user: 'user_id' (guessed)"), std::string::npos) << words;
  EXPECT_NE(words.find("1 events dropped: rated too low"), std::string::npos) << words;
  const Json printed = json_of(command + " --json");
  EXPECT_EQ(printed.at("fields").at("time").at("field"), "timestamp");
  EXPECT_EQ(printed.at("events"), 6);
  const Json saved = Json::parse(content_of(path("data/summary.json")));
  EXPECT_EQ(saved.at("dropped").at(0).at("events"), 1);
  EXPECT_EQ(saved.at("fields"), printed.at("fields"));
  EXPECT_EQ(saved.at("warnings"), Json::array());
}

TEST_F(PrepareCommand, SplitsByTimeAndWithholdsItems) {
  const std::string command = line(file("log.csv", kLog)) +
                              " --split time --validation-from 30 --test-from 1970-01-01T00:00:40Z";
  const Json summary = json_of(command + " --json");
  EXPECT_EQ(summary.at("validated_users"), 2);
  EXPECT_EQ(summary.at("evaluated_users"), 1);
  EXPECT_EQ(summary.at("withheld_items"), 2);
  const Json dataset = Json::parse(content_of(path("data/dataset.json")));
  EXPECT_EQ(dataset.at("split").at("kind"), "time");
  EXPECT_EQ(dataset.at("split").at("test_from"), 40);
}

TEST_F(PrepareCommand, ATimeSplitWithColdItemsGoesAllTheWay) {
  std::string log = "user,item,time\n";
  for (int user = 0; user < 40; ++user) {
    for (int e = 0; e < 9; ++e) {
      log += "u" + std::to_string(user) + ",i" +
             std::to_string((user * 7 + e * (user % 5 + 1)) % 30) + "," +
             std::to_string(1000 * e + user) + "\n";
    }
  }
  std::string items = "item,title\n";
  for (int i = 0; i < 30; ++i) {
    items += "i" + std::to_string(i) + ",Tea number" + std::to_string(i % 7) + " blend\n";
  }
  output_of(line(file("log.csv", log)) + " --items " + file("items.csv", items) +
            " --split time --cold-items 0.3 --seed 3");
  output_of("embed --min-df 1 --dims 8 --data " + path("data"));
  output_of("train --data " + path("data") + " --out " + path("model") + kTiny);
  const Json report =
      json_of("evaluate --json - --baselines --model " + path("model") + " --data " + path("data"));
  const Json& slices = report.at("slices");
  ASSERT_TRUE(slices.contains("cold") && slices.contains("warm")) << slices.dump();
  const int cold = slices.at("cold").at("users");
  const int warm = slices.at("warm").at("users");
  EXPECT_GT(cold, 0);
  EXPECT_EQ(cold + warm, report.at("users"));
  EXPECT_NEAR(cold * slices.at("cold").at("MRR").get<double>() +
                  warm * slices.at("warm").at("MRR").get<double>(),
              report.at("users").get<double>() * report.at("metrics").at("MRR").get<double>(),
              1e-6);
  const std::string words =
      output_of("evaluate --model " + path("model") + " --data " + path("data"));
  EXPECT_NE(words.find("  cold (" + std::to_string(cold) + ")"), std::string::npos) << words;
  EXPECT_NE(output_of("recommend --model " + path("model") + " --user u7 -k 3"), "");
}

TEST_F(PrepareCommand, RefusesOptionsThatDoNotFit) {
  const std::string log = file("log.csv", kLog);
  const auto misused = [&](const std::string& more, std::initializer_list<std::string_view> parts) {
    expect_refusal(tessera(line(log) + more), 2, parts);
    EXPECT_FALSE(fs::exists(path("data")));
  };
  misused(" --event-types view=0", {"--event-types 'view=0'"});
  misused(" --event-types view=1e39", {"--event-types 'view=1e39'"});
  misused(" --event-types =1", {"--event-types"});
  misused(" --event-types a,a", {"--event-types"});
  misused(" --min-weight 2", {"--event-types"});
  misused(" --split time --order file", {"--order time"});
  misused(" --timestamps " + log, {"--timestamps", "sequences"});
  misused(" --delimiter \"", {"--delimiter"});
  misused(" --items x --item-text y", {"not both"});
  misused(" --cold-items 1.5", {"--cold-items"});
  misused(" --k-core 0", {"--k-core"});
  misused(" --split time --test-from soon", {"--test-from 'soon'"});
  misused(" --format xml", {"--format"});
  // What would do nothing.
  const std::string bare = "prepare --interactions " + log + " --out " + path("data");
  expect_refusal(tessera(bare + " --format recbole --delimiter ,"), 2,
                 {"--delimiter belongs to --format csv or tsv"});
  expect_refusal(tessera(bare + " --format sequences --user u"), 2, {"--user belongs to records"});
  misused(" --rating rating", {"--rating belongs to --min-rating"});
  misused(" --event-type x", {"--event-type belongs to --event-types"});
  misused(" --title title", {"--title belongs to --items"});
  misused(" --items-format csv", {"--items-format belongs to --items"});
  misused(" --cold-by time", {"--cold-by belongs to --cold-items"});
  misused(" --validation-from 0.5", {"--validation-from belongs to --split time"});
  expect_refusal(tessera("prepare --interactions " + file("lines.txt", "u 1 2 3\n") +
                         " --item-delimiter blanks --out " + path("out")),
                 2, {"--item-delimiter belongs to records"});
  misused(" --test-from 0.5", {"--test-from belongs to --split time"});
  misused(" --catalogue events", {"--catalogue events belongs to --items"});
  misused(" --header --no-header", {"--header and --no-header"});
  misused(" --time-unit s --time-format %s", {"--time-unit and --time-format"});
  misused(" --encoding klingon", {"--encoding 'klingon'", "gbk"});
  misused(" --max-errors many", {"--max-errors 'many'", "1%"});
  misused(" --user item_id --item item_id", {"same field"});
}

TEST_F(PrepareCommand, SaysWhatLooksWrong) {
  const std::string log = file("log.csv", "1,2,4,978300760\n1,3,5,978300800\n");
  const Finished finished = tessera(line(log) + " --json");
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("warning: " + log + ": its first line is a record"),
            std::string::npos)
      << finished.err;
  const Json summary = Json::parse(finished.out);
  EXPECT_EQ(summary.at("warnings").size(), 1U);
  EXPECT_EQ(summary.at("events"), 2);
  EXPECT_EQ(summary.at("first_time"), 978'300'760);
}

TEST_F(PrepareCommand, ReadsStandardInputAndSeveralFiles) {
  const std::string first = file("a.csv", "user,item,time\nann,p,10\n");
  const std::string second = file("b.csv", "time;user;item\n20;ann;q\n");
  EXPECT_EQ(json_of(line(first) + " --json --interactions " + second).at("events"), 2);
  const std::string piped = "cat " + first + " | " + TESSERA_PROGRAM + " " + line("-") + " --json";
  const Finished finished = Process({"/bin/sh", "-c", piped}).wait();
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out).at("events"), 1);
}

TEST_F(PrepareCommand, FailureLeavesTheDatasetThatWasThere) {
  output_of(line(file("log.csv", kLog)));
  const auto before = snapshot(path("data"));
  expect_refusal(tessera(line(file("bad.csv", "user,item\na,b\nc\n"))), 1, {"bad.csv:3:"});
  expect_refusal(tessera(line(path("log.csv")) + " --k-core 9"), 1, {"no user is left"});
  EXPECT_EQ(snapshot(path("data")), before);
}

TEST_F(PrepareCommand, AnInterruptLeavesNothingBehind) {
  output_of(line(file("log.csv", kLog)));
  const auto before = snapshot(path("data"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  Process process(tessera_command(line(path("pipe"))));
  std::ofstream pipe(path("pipe"));  // waits for the reader
  pipe << kLog << std::flush;
  ASSERT_TRUE(process.handles(SIGINT));
  process.signal(SIGINT);
  pipe << "ann,p,5,50\n" << std::flush;
  pipe.close();
  expect_refusal(process.wait(), 1, {"interrupted; nothing was changed"});
  EXPECT_EQ(snapshot(path("data")), before);
}

TEST_F(PrepareCommand, AFullDiskLeavesNothingBehind) {
  const SmallDisk disk(path("disk"), 1);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a small disk";
  std::string log = "user,item\n";
  for (int i = 0; i < 200'000; ++i) log += "u" + std::to_string(i / 10) + ",i7\n";
  const std::string big = file("big.csv", log);
  const std::string to_disk =
      "prepare --format csv --out " + path("disk/data") + " --interactions ";
  expect_refusal(tessera(to_disk + big), 1, {"disk/data", "No space left"});
  EXPECT_FALSE(fs::exists(path("disk/data")));
  output_of(to_disk + file("log.csv", kLog));
  const auto before = snapshot(path("disk/data"));
  expect_refusal(tessera(to_disk + big), 1, {"No space left"});
  EXPECT_EQ(snapshot(path("disk/data")), before);
}

TEST_F(PrepareCommand, ReadsARecboleFolder) {
  fs::create_directory(path("shop"));
  file("shop/shop.inter",
       "user_id:token\titem_id:token\ttimestamp:float\nann\tp\t1.0\nann\tq\t2.0\n");
  const std::string command =
      "prepare --format recbole --json --out " + path("data") + " --interactions " + path("shop");
  EXPECT_EQ(json_of(command).at("items_without_text"), 2);
  file("shop/shop.item", "item_id:token\tmovie_title:token_seq\np\tHeat\n");
  EXPECT_EQ(json_of(command).at("items_without_text"), 1);
  file("shop/other.inter", "user_id:token\titem_id:token\n");
  expect_refusal(tessera(command), 1, {"several .inter files"});
}

}  // namespace
}  // namespace tessera::testing
