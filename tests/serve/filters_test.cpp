// Filters and attributes over HTTP.
#include <gtest/gtest.h>

#include "attributes/attribute_table.h"
#include "base/npy.h"
#include "serve/small_service.h"

namespace tessera {
namespace {

using testing::ids_of;
using testing::Parsed;
using Ids = std::vector<std::string>;

/// Items 1 to 16 cost as much as their number, those with an even number are in stock, and the
/// first four are of the brand x, the next four of both x and y; those with
/// larger numbers were met more often.
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
    std::vector<std::int32_t> events(16);
    for (std::int32_t item = 0; item < 16; ++item) events[static_cast<std::size_t>(item)] = item;
    write_npy(bundle() / kPopularityFile, std::span<const std::int32_t>(events));
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

TEST_F(FiltersApi, WhoeverHasNoHistoryGetsWhatIsPopular) {
  const auto asked = [&](const std::string& more) {
    return json("POST", "/v1/recommend", R"({"k":3)" + more + "}");
  };
  EXPECT_EQ(ids_of(asked(R"(,"history":[])")), (Ids{"16", "15", "14"}));
  EXPECT_EQ(asked(R"(,"history":[])").at("from"), "popular");
  EXPECT_EQ(ids_of(asked(R"(,"user":"nobody","filter":"price < 10 and in_stock")")),
            (Ids{"8", "6", "4"}));
  EXPECT_EQ(ids_of(asked(R"(,"history":["999"],"skip_unknown":true,"deny":[16])")),
            (Ids{"15", "14", "13"}));
  EXPECT_FALSE(asked(R"(,"history":["1"])").contains("from"));
  refused(404, "unknown_user", "POST", "/v1/recommend", R"({"user":"nobody","fallback":"none"})");
  refused(422, "empty_history", "POST", "/v1/recommend", R"({"history":[],"fallback":"none"})");
  refused(400, "invalid_request", "POST", "/v1/recommend", R"({"history":[],"fallback":"best"})");
  refused(422, "unknown_item", "POST", "/v1/recommend", R"({"history":["999"]})");
  refused(400, "invalid_request", "POST", "/v1/recommend", R"({"history":[],"scores":{}})");
}

TEST_F(FiltersApi, WhatWasTouchedOfLateComesFirst) {
  json("POST", "/v1/users/anna/events", R"({"items":["3","5","5","1"]})");
  const Parsed trending = json("POST", "/v1/recommend", R"({"history":[],"k":5})");
  EXPECT_EQ(ids_of(trending), (Ids{"5", "1", "3", "16", "15"}));
  EXPECT_EQ(trending.at("from"), "trending");
  const Parsed popular =
      json("POST", "/v1/recommend", R"({"history":[],"k":2,"fallback":"popular"})");
  EXPECT_EQ(ids_of(popular), (Ids{"16", "15"}));
}

TEST_F(FiltersApi, FallBacksComeInTheOrderAskedFor) {
  json("PUT", "/v1/items/new", R"({"title":"steel teapot"})");
  json("POST", "/v1/users/anna/events", R"({"items":["3"]})");
  const auto asked = [&](const std::string& fallback) {
    return json("POST", "/v1/recommend", R"({"history":[],"k":4,"fallback":)" + fallback + "}");
  };
  const Parsed newest = asked(R"(["newest","popular"])");
  EXPECT_EQ(ids_of(newest), (Ids{"new", "16", "15", "14"}));
  EXPECT_EQ(newest.at("from"), "newest");
  EXPECT_EQ(newest.at("items")[1].at("from"), "popular");
  EXPECT_EQ(ids_of(asked(R"("mixed")")), (Ids{"3", "16", "new", "15"}));
  EXPECT_EQ(ids_of(asked("null")), (Ids{"3", "16", "15", "14"}));
  for (const char* wrong :
       {R"(["mixed","popular"])", R"(["best"])", "[]", "3", R"(["popular","popular"])"}) {
    refused(400, "invalid_request", "POST", "/v1/recommend",
            R"({"history":[],"fallback":)" + std::string(wrong) + "}");
  }
}

TEST_F(FiltersApi, WhatTrendsIsBlendedIntoListsOfShortHistories) {
  const auto asked = [&](const std::string& more) {
    return json("POST", "/v1/recommend", R"({"k":3,"scores":true)" + more + "}");
  };
  // Nobody knows what trends: the list is the model's.
  EXPECT_FALSE(asked(R"(,"history":["1"],"blend":{})").contains("from"));
  json("POST", "/v1/users/anna/events", R"({"items":["3","5","5","1"]})");
  const Parsed plain = asked(R"(,"history":["1"])");
  EXPECT_FALSE(plain.contains("from"));
  const Parsed whole = asked(R"(,"history":["1"],"blend":{"share":1})");
  EXPECT_EQ(whole.at("from"), "blend");
  EXPECT_EQ(ids_of(whole)[0], "5");  // not 1, which is the history
  EXPECT_EQ(ids_of(whole)[1], "3");
  EXPECT_TRUE(whole.at("items")[0].contains("score"));
  EXPECT_EQ(ids_of(asked(R"(,"history":["1"],"blend":{"share":0})")), ids_of(plain));
  EXPECT_EQ(ids_of(asked(R"(,"history":["1"],"filter":"not price = 5","blend":{"share":1})"))[0],
            "3");
  const Parsed longer = asked(R"(,"history":["1","2","3"],"blend":{"share":1})");
  EXPECT_FALSE(longer.contains("from"));
  EXPECT_EQ(asked(R"(,"history":["1","2","4"],"blend":{"share":1,"events":3})").at("from"),
            "blend");
  EXPECT_EQ(ids_of(asked(R"(,"history":["1"],"blend":{"share":1,"from":"popular"})"))[0], "16");
  EXPECT_EQ(asked(R"(,"history":[],"blend":{"share":1})").at("from"), "trending");
  const Parsed many = json("POST", "/v1/recommend:bulk",
                           R"({"histories":[["1"],["1","2","3"]],"k":3,"blend":{"share":1}})");
  EXPECT_EQ(many.at("lists")[0].at("from"), "blend");
  EXPECT_EQ(ids_of(many.at("lists")[0]), ids_of(whole));
  EXPECT_FALSE(many.at("lists")[1].contains("from"));
  for (const char* wrong : {R"({"share":2})", R"({"events":0})", R"({"from":"none"})",
                            R"({"shares":1})", "[]", "0.5"}) {
    refused(400, "invalid_request", "POST", "/v1/recommend",
            R"({"history":["1"],"blend":)" + std::string(wrong) + "}");
  }
}

TEST_F(FiltersApi, ItemsAreLikeOthersAndATextAndUnlikeOthers) {
  const auto asked = [&](const std::string& body, int status = 200) {
    return json("POST", "/v1/similar", body, status);
  };
  EXPECT_EQ(ids_of(asked(R"({"liked":["1"],"k":4})")),
            ids_of(json("GET", "/v1/items/1/similar?k=4")));
  const Parsed found = asked(
      R"({"liked":[1,2],"disliked":["3"],"text":"steel","k":9,"filter":"price < 7","fields":["price"]})");
  const Ids ids = ids_of(found);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), (std::set<std::string>{"4", "5", "6"}));
  EXPECT_TRUE(found.at("items")[0].at("attributes").contains("price"));
  asked("{}", 400);
  asked(R"({"text":""})", 400);
  asked(R"({"text":"zzzzz"})", 422);
  asked(R"({"liked":["999"]})", 422);
  asked(R"({"liked":["1"],"filter":"prise < 3"})", 400);
}

TEST_F(FiltersApi, ExplainsWhatTheRulesDo) {
  const Parsed why = json("POST", "/v1/explain",
                          R"({"history":["16"],"item":"5","k":3,"rules":{"boosts":[
                             {"filter":"brand = 'y'","add":1000}],"pinned":["5"]}})");
  const Parsed& rules = why.at("rules");
  EXPECT_EQ(rules.at("parts"), Parsed::parse(R"([{"rule":"boosts[0]","adds":1000.0}])"));
  EXPECT_EQ(rules.at("place"), 1);
  EXPECT_EQ(rules.at("pinned"), true);
  EXPECT_FALSE(json("POST", "/v1/explain", R"({"history":["16"],"item":"5"})").contains("rules"));
  refused(400, "invalid_rules", "POST", "/v1/explain",
          R"({"history":["1"],"item":"2","rules":{"boosts":[{"add":1e308}]}})");
}

TEST_F(FiltersApi, RulesChangeTheOrder) {
  const auto asked = [&](const char* rules) {
    return ids_of(json("POST", "/v1/recommend",
                       R"({"history":["16"],"k":4,"rules":)" + std::string(rules) + "}"));
  };
  const Ids pinned = asked(R"({"pinned":["9",3,"no such item"]})");
  EXPECT_EQ((Ids{pinned[0], pinned[1]}), (Ids{"9", "3"}));
  const Ids boosted = asked(R"({"boosts":[{"filter":"brand = 'y'","add":1000}]})");
  EXPECT_EQ(std::set<std::string>(boosted.begin(), boosted.end()),
            (std::set<std::string>{"5", "6", "7", "8"}));
  refused(400, "invalid_rules", "POST", "/v1/recommend",
          R"({"history":["1"],"rules":{"boost":1}})");
  refused(400, "invalid_rules", "POST", "/v1/recommend",
          R"({"history":["1"],"rules":{"caps":[{"key":"price"}]}})");
  refused(400, "invalid_request", "POST", "/v1/recommend", R"({"history":["1"],"rules":[]})");
}

TEST_F(FiltersApi, AttributesChangeLiveAndOutlastAReload) {
  const Parsed changed =
      json("PATCH", "/v1/items/3", R"({"attributes":{"price":100,"in_stock":true,"brand":null}})");
  EXPECT_EQ(changed.at("attributes"),
            Parsed::parse(R"({"price": 100.0, "in_stock": true, "brand": null})"));
  EXPECT_EQ(listed(R"("price > 50")"), std::set<std::string>{"3"});
  reload();  // of a bundle that still says 3
  EXPECT_EQ(listed(R"("price > 50")"), std::set<std::string>{"3"});
  EXPECT_EQ(listed(R"("brand = 'x' and price <= 4")"), (std::set<std::string>{"1", "2", "4"}));
}

TEST_F(FiltersApi, NewItemsHaveAttributesToo) {
  const Parsed put = json("PUT", "/v1/items/new",
                          R"({"title":"oak desk","attributes":{"price":7.5,"brand":["z","x"]}})");
  EXPECT_EQ(put.at("attributes").at("brand"), (Ids{"x", "z"}));
  EXPECT_EQ(listed(R"("brand = 'z'")"), std::set<std::string>{"new"});
  reload();
  EXPECT_EQ(listed(R"("brand = 'z' and price = 7.5")"), std::set<std::string>{"new"});
  json("PUT", "/v1/items/new", R"({"title":"walnut desk"})");
  EXPECT_EQ(json("GET", "/v1/items/new").at("attributes").at("price"), 7.5);
}

TEST_F(FiltersApi, WrongAttributesChangeNothing) {
  refused(422, "invalid_attributes", "PATCH", "/v1/items/3",
          R"({"attributes":{"price":5,"prise":3}})");
  refused(422, "invalid_attributes", "PATCH", "/v1/items/3", R"({"attributes":{"price":"cheap"}})");
  refused(400, "invalid_request", "PATCH", "/v1/items/3", R"({"attributes":{"price":{}}})");
  refused(400, "invalid_request", "PATCH", "/v1/items/3", R"({"attributes":[]})");
  refused(400, "invalid_request", "PATCH", "/v1/items/3", "{}");
  refused(404, "unknown_item", "PATCH", "/v1/items/99", R"({"attributes":{"price":5}})");
  refused(422, "invalid_attributes", "PUT", "/v1/items/new",
          R"({"title":"oak desk","attributes":{"prise":5}})");
  refused(404, "unknown_item", "GET", "/v1/items/new");
  EXPECT_EQ(json("GET", "/v1/items/3").at("attributes").at("price"), 3.0);
}

}  // namespace
}  // namespace tessera
