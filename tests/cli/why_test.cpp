// `recommend --why`: each item with the event that speaks most for it.
#include "cli/shop.h"

namespace tessera::testing {
namespace {

TEST(Why, NamesAnEventOfTheHistoryThatSpeaksForTheItem) {
  const std::string line =
      "recommend --model " + shop().model + " --history S000012,S000070 -k 5 --why";
  const Json answer = Json::parse(output_of(line + " --json"));
  std::size_t reasons = 0;
  for (const Json& item : answer.at("items")) {
    if (!item.contains("because")) continue;
    ++reasons;
    const std::string id = item.at("because").at("id");
    EXPECT_TRUE(id == "S000012" || id == "S000070") << id;
    EXPECT_GT(item.at("because").at("part").get<double>(), 0.0);
  }
  EXPECT_GT(reasons, 0U);
  EXPECT_NE(output_of(line).find(" since "), std::string::npos);
  EXPECT_FALSE(Json::parse(output_of(line.substr(0, line.size() - 6) + " --json"))
                   .at("items")[0]
                   .contains("because"));
}

}  // namespace
}  // namespace tessera::testing
