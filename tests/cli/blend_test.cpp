// `recommend --blend`: what trends in the lists of short histories.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

Words items_of(const Json& answer) {
  Words ids;
  for (const Json& item : answer.at("items")) ids.push_back(item.at("id"));
  return ids;
}

TEST(BlendCommand, OfTheWholeIsWhatTrends) {
  const TempDirectory folder;
  const fs::path users = folder.path() / "users.txt";
  write(users, "nobody\n");
  const std::string line = "recommend --json --model " + shop().model;
  const Words trending = items_of(
      Json::parse(output_of(line + " --fallback trending -k 6 --users " + users.string())));
  const std::string history = " --history " + trending[1] + " -k 5";
  const Json blended = Json::parse(output_of(line + history + " --blend 1"));
  Words expected = trending;
  expected.erase(expected.begin() + 1);
  EXPECT_EQ(items_of(blended), expected);
  EXPECT_EQ(blended.at("from"), "blend");
  const Json plain = Json::parse(output_of(line + history));
  EXPECT_FALSE(plain.contains("from"));
  EXPECT_EQ(items_of(Json::parse(output_of(line + history + " --blend 0"))), items_of(plain));
  const std::string longer = " --history S000012,S000070,S000001 --blend ";
  EXPECT_FALSE(Json::parse(output_of(line + longer + "1")).contains("from"));
  EXPECT_TRUE(
      Json::parse(output_of(line + longer, {R"({"share": 1, "events": 3})"})).contains("from"));
}

TEST(BlendCommand, RefusesWhatIsNoBlend) {
  const std::string line = "recommend --model " + shop().model + " --history S000012 --blend ";
  expect_refusal(tessera(line + "1.5"), 2, {"blend", "share", "from 0 to 1"});
  expect_refusal(tessera(line + "much"), 2, {"blend"});
  expect_refusal(tessera(line, {R"({"shares": 1})"}), 2, {"'shares'", "'share'"});
}

}  // namespace
}  // namespace tessera::testing
