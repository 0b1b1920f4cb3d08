// Titles, ids and paths come from anywhere: what is printed must not steer the terminal.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

bool steers(const std::string& text) {
  const auto control = [](char byte) {
    return (static_cast<unsigned char>(byte) < 0x20 && byte != '\n') || byte == 0x7F;
  };
  return std::ranges::any_of(text, control) || text.find("\u009B") != std::string::npos ||
         text.find("\u202E") != std::string::npos || text.find("\u2028") != std::string::npos;
}

/// A dataset whose first user and item are as hostile as files can be, and a model of it.
class OddNames : public CommandTest {
 protected:
  static constexpr const char* kUser = "\x1b[31mred\u009B5m\xFF";

  void SetUp() override {
    std::string interactions = std::string(kUser) + " 1 2 3 4\n";
    Json texts = {{"1", "\u001b[2J\u0007bell \u009B5m \u202Ederia\u2028line\nbreak"},
                  {"2", "日本語のとても長い題名 " + std::string(300, 'x')},
                  {"3", "👩‍👩‍👧 naïve e\u0301 café"}};
    for (int i = 4; i <= 40; ++i)
      texts[std::to_string(i)] = "plain tea cup " + std::to_string(i % 7);
    for (int u = 2; u <= 12; ++u) {
      interactions += "u" + std::to_string(u);
      for (int i = 0; i < 5; ++i) interactions += " " + std::to_string(1 + (u * 3 + i) % 40);
      interactions += "\n";
    }
    output_of("prepare --interactions " + file("in.txt", interactions) + " --item-text " +
              file("text.json", texts.dump()) + " --out " + path("data"));
    output_of("embed --dims 8 --data " + path("data"));
    output_of("train --data " + path("data") + " --out " + path("model") + kTiny);
  }
};

TEST_F(OddNames, PrintSafelyEverywhere) {
  const std::string model = " --model " + path("model");
  std::string printed = output_of("recommend --repeats -k 40" + model, {"--user", kUser});
  EXPECT_NE(printed.find("red"), std::string::npos);
  EXPECT_NE(printed.find("日本語"), std::string::npos);
  EXPECT_NE(printed.find("café"), std::string::npos);
  EXPECT_NE(printed.find("👩‍👩‍👧"), std::string::npos) << "joined emoji stay whole";
  EXPECT_NE(printed.find("…"), std::string::npos) << "the long title is cut";
  for (const std::string& line : lines_of(printed)) EXPECT_LT(line.size(), 300U) << line;
  printed += output_of("tokens --item 1" + model);
  printed += output_of("evaluate --data " + path("data") + model);
  EXPECT_FALSE(steers(printed)) << printed;
}

TEST_F(OddNames, AreOneLineOfValidJson) {
  const std::string text =
      output_of("recommend --json --repeats -k 40 --model " + path("model"), {"--user", kUser});
  ASSERT_EQ(lines_of(text).size(), 1U);
  const Json answer = Json::parse(text);
  bool found = false;
  for (const Json& item : answer.at("items")) {
    found = found ||
            (item.at("id") == "3" && item.at("title") == "👩‍👩‍👧 naïve e\u0301 café");
  }
  EXPECT_TRUE(found);
}

TEST_F(OddNames, DoNotReachTheTerminalThroughErrors) {
  const Finished finished =
      tessera("recommend --model " + path("model"), {"--user", "\x1b[2Jx\ny"});
  expect_refusal(finished, 1, {"x y"});
  EXPECT_FALSE(steers(finished.err)) << finished.err;
}

TEST_F(CommandTest, PathsThatAreNotUtf8Work) {
  const std::string data = path("caf\xE9");
  output_of("simulate --users 60 --items 30", {"--out", data});
  output_of("embed --dims 8", {"--data", data});
  output_of("train --out " + path("model") + kTiny, {"--data", data});
  output_of("evaluate --model " + path("model"), {"--data", data, "--json", path("r.json")});
  EXPECT_EQ(Json::parse(content_of(path("r.json"))).at("users"), 60);
  EXPECT_EQ(json_of("recommend --json --user U000001 --model " + path("model"), {"--data", data})
                .at("items")
                .size(),
            10U);
}

}  // namespace
}  // namespace tessera::testing
