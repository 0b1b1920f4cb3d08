// Filters and attributes over HTTP.
#include <gtest/gtest.h>

#include "attributes/attribute_table.h"
#include "serve/small_service.h"

namespace tessera {
namespace {

using testing::ids_of;
using testing::Parsed;
using Ids = std::vector<std::string>;

/// Items 1 to 16 cost as much as their number, those with an even number are in stock, and the
/// first four are of the brand x, the next four of both x and y.
class FiltersApi : public ::testing::Test, public testing::SmallService {
 protected:
  FiltersApi() {
    AttributeTable table({{"price", AttributeType::number},
                          {"in_stock", AttributeType::boolean},
                          {"brand", AttributeType::labels}});
    for (std::int32_t item = 0; item < 16; ++item) {
      table.set(0, item, static_cast<double>(item + 1));
      table.set(1, item, item % 2 == 1);
      if (item < 4) table.set(2, item, Ids{"x"});
      if (item >= 4 && item < 8) table.set(2, item, Ids{"x", "y"});
    }
    table.write(bundle() / kAttributesFile, 16);
    reload();
  }

  std::set<std::string> listed(const std::string& filter) {
    const Ids ids = ids_of(
        json("POST", "/v1/recommend", R"({"history":["16"],"k":100,"filter":)" + filter + "}"));
    return {ids.begin(), ids.end()};
  }
};

TEST_F(FiltersApi, ListsWhatPasses) {
  EXPECT_EQ(listed(R"({"must":[{"key":"price","range":{"gte":3,"lt":6}}]})"),
            (std::set<std::string>{"3", "4", "5"}));
  EXPECT_EQ(listed(R"({"should":[{"key":"brand","match":"y"},{"key":"price","any":[1,16]}],
                       "must_not":[{"key":"in_stock","match":true}]})"),
            (std::set<std::string>{"1", "5", "7"}));
  EXPECT_EQ(listed(R"("in_stock and not brand exists")"),
            (std::set<std::string>{"10", "12", "14"}));  // 16 is the history
  EXPECT_TRUE(listed(R"({"key":"price","range":{"gt":100}})").empty());
}

TEST_F(FiltersApi, AnswersWithTheFieldsAskedFor) {
  const Parsed answer =
      json("POST", "/v1/recommend",
           R"({"history":["1"],"filter":"price = 5","fields":["brand","price"]})");
  EXPECT_EQ(answer.at("items")[0].at("attributes"),
            Parsed::parse(R"({"brand": ["x", "y"], "price": 5.0})"));
  const Parsed item = json("GET", "/v1/items/9");
  EXPECT_EQ(item.at("attributes"),
            Parsed::parse(R"({"price": 9.0, "in_stock": false, "brand": null})"));
}

TEST_F(FiltersApi, SimilarItemsAreFilteredToo) {
  const Ids ids = ids_of(json("GET", "/v1/items/1/similar?k=20&filter=price%3C4"));
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), (std::set<std::string>{"2", "3"}));
}

TEST_F(FiltersApi, NamesWhatIsWrongWithAFilter) {
  const auto wrong = [&](const std::string& filter, const char* code, const char* named) {
    const Parsed answer =
        json("POST", "/v1/recommend", R"({"history":["1"],"filter":)" + filter + "}", 400);
    EXPECT_EQ(answer.at("error").at("code"), code);
    const auto message = answer.at("error").at("message").get<std::string>();
    EXPECT_NE(message.find(named), std::string::npos) << message;
  };
  wrong(R"("prise < 5")", "invalid_filter", "did you mean 'price'");
  wrong(R"({"must":[{"key":"price","match":"cheap"}]})", "invalid_filter", "'price'");
  wrong(R"({"mst":[]})", "invalid_filter", "'mst'");
  wrong("5", "invalid_request", "'filter' must be an object or a string");
  wrong(fmt::format(R"("{}")", std::string(70'000, 'a')), "invalid_request", "65536 bytes");
  refused(400, "unknown_attribute", "POST", "/v1/recommend", R"({"history":["1"],"fields":["x"]})");
  refused(400, "invalid_filter", "GET", "/v1/items/1/similar?filter=price");
}

}  // namespace
}  // namespace tessera
