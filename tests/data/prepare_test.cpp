#include "data/prepare.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/preparing.h"

namespace tessera {
namespace {

using namespace std::string_literals;
using testing::expect_error;
using testing::lines_of;

class Prepare : public testing::PrepareTest {
 protected:
  PrepareOptions with_items(const std::string& items, const std::string& format = "csv") const {
    PrepareOptions options = csv("a,p,1\na,q,2\nb,p,1\n");
    options.items = {put("items", items)};
    options.items_shape.format = format;
    return options;
  }
};

TEST_F(Prepare, GuessesCustomaryNamesAndSaysSo) {
  PrepareOptions options;
  options.shape = RecordShape{};
  options.interactions = {put("log.csv", "rating,Movie ID,timestamp,USER_ID\n5,m,7,u\n")};
  EXPECT_EQ(lines_of(prepared(options)), Lines{"u: m"});
  ASSERT_EQ(report.choices.size(), 3U);
  EXPECT_EQ(report.choices[0].field, "USER_ID");
  EXPECT_TRUE(report.choices[0].guessed);
  EXPECT_EQ(report.choices[1].field, "Movie ID");
  EXPECT_EQ(report.choices[2].field, "timestamp");
  options.interactions = {
      put("log.jsonl", R"({"event":{"user":{"id":9},"product_id":"x","ts":3}})")};
  options.shape->format = "jsonl";
  options.fields.user = "event.user.id";
  EXPECT_EQ(lines_of(prepared(options)), Lines{"9: x"});
  EXPECT_FALSE(report.choices[0].guessed);
}

TEST_F(Prepare, TakesColumnsByPlaceWithoutAHeader) {
  PrepareOptions options;
  options.shape = RecordShape{.header = false};
  options.interactions = {put("ratings.csv", "u,i,5,1400000000\nu,j,4,1300000000\n")};
  EXPECT_EQ(lines_of(prepared(options)), Lines{"u: j i"});
  options.interactions = {put("ratings.csv", "i,u\nj,u\n")};
  options.fields.user = "2";
  options.fields.item = "1";
  EXPECT_EQ(lines_of(prepared(options)), Lines{"u: i j"});
}

TEST_F(Prepare, NamesTheNearestOfFieldsThatDoNotExist) {
  PrepareOptions options = csv("a,p,1\n");
  options.fields.user = "usr";
  expect_refused(options, {"log.csv", "--user 'usr'", "did you mean 'user'", "user, item, time"});
  options = csv("a,p,1\n");
  options.interactions = {put("log.csv", "who,what\na,p\n")};
  expect_refused(options, {"log.csv", "--user NAME", "who, what"});
  options = with_items("item,title\np,Tea\n");
  options.item_fields.text = "{titl}";
  expect_refused(options, {"items", "--text 'titl'", "did you mean 'title'"});
}

TEST_F(Prepare, PutsTextTogetherByATemplate) {
  PrepareOptions options = with_items(
      "id,title,brand,extra\np,Salt &amp; Pepper,  M&#252;ller ,\nq,\"Two\nlines\x01\",,\nr,,,x\ns,"
      "caf\xE9,,\n");
  options.item_fields.text = "{title}; by {brand}!";
  options.items_shape.encoding = "utf-8";
  const Dataset data = prepared(options);
  EXPECT_EQ(item(data, "p").text, "Salt & Pepper; by   Müller !");
  EXPECT_EQ(item(data, "p").title, "Salt & Pepper");
  EXPECT_EQ(item(data, "q").text, "Two\nlines ; by !");
  EXPECT_EQ(item(data, "r").text, "") << "separators alone are no text";
  EXPECT_EQ(item(data, "r").title, "item r");
  EXPECT_EQ(item(data, "s").text, "caf\uFFFD; by !");
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_NE(report.warnings[0].find("1 texts of items hold bytes that are not UTF-8"),
            std::string::npos);
  EXPECT_EQ(report.items_without_text, 1U);
  EXPECT_EQ(report.items_without_events, 2U);
  options.items_without_events = false;
  EXPECT_EQ(prepared(options).items.size(), 2U);
}

TEST_F(Prepare, TakesOneJsonObjectOfTextsBesideAnyFormat) {
  PrepareOptions options = csv("a,p,1\na,q,2\n");
  options.item_text = put("texts.json", R"({"p": "Tea", "z": "Cup"})");
  const Dataset data = prepared(options);
  EXPECT_EQ(item(data, "p").title, "Tea");
  EXPECT_EQ(item(data, "q").text, "");
  EXPECT_EQ(report.items_without_events, 1U);
  options.item_text = put("texts.json", R"({"": "Tea"})");
  expect_refused(options, {"texts.json: key ''", "item id is missing"});
}

TEST_F(Prepare, RefusesTemplatesThatAreNone) {
  for (const char* pattern : {"title", "{title", "{}", "}"}) {
    PrepareOptions options = with_items("id,title\np,Tea\n");
    options.item_fields.text = pattern;
    expect_error<UsageError>([&] { prepared(options); }, {"--text '", "{title}"});
  }
}

TEST_F(Prepare, GuessesATextAndCountsItemsListedTwice) {
  PrepareOptions options = with_items(
      "{\"asin\":\"p\",\"title\":\"Tea\",\"brand\":\"Fa\",\"category\":[\"Food\",\"Tea\"]}\n"
      "{\"asin\":\"p\",\"title\":\"Other\"}\n{\"asin\":\"q\",\"price\":3}\n",
      "jsonl");
  const Dataset data = prepared(options);
  EXPECT_EQ(item(data, "p").text, "Tea; Fa; Food, Tea");
  EXPECT_EQ(item(data, "q").text, "");
  EXPECT_EQ(report.repeated_item_rows, 1U);
}

TEST_F(Prepare, ReadsBothLayoutsOfAmazon) {
  PrepareOptions options;
  options.shape = RecordShape{.format = "amazon"};
  options.items_shape = *options.shape;
  options.interactions = {put(
      "reviews.json",
      testing::gzipped(
          R"({"reviewerID": "A1", "asin": "B1", "helpful": [0, 0], "overall": 5.0, "unixReviewTime": 1400000000})"
          "\n"
          R"({"reviewerID": "A1", "asin": "B2", "overall": 2.0, "unixReviewTime": 1300000000})"))};
  options.items = {put("meta.json",
                       "{'asin': 'B1', 'title': \"It's tea\", 'categories': [['Food']]}\n"
                       "{'asin': 'B2', 'price': 4.99}\n")};
  Dataset data = prepared(options);
  EXPECT_EQ(lines_of(data), Lines{"A1: B2 B1"});
  EXPECT_EQ(item(data, "B1").text, "It's tea; Food");
  options.interactions = {put(
      "reviews.jsonl",
      R"({"rating": 5.0, "title": "Good", "asin": "V1", "parent_asin": "B1", "user_id": "A1", "timestamp": 1588687728923})")};
  options.items = {put("meta.jsonl",
                       R"({"main_category": "All", "title": "Tea", "parent_asin": "B1", )"
                       R"("store": "Fa", "categories": ["Food", "Tea"]})")};
  data = prepared(options);
  EXPECT_EQ(lines_of(data), Lines{"A1: B1"});
  EXPECT_EQ(data.times, std::vector<std::int64_t>{1'588'687'728});
  EXPECT_EQ(item(data, "B1").text, "Tea; Fa; Food, Tea");
}

TEST_F(Prepare, KeepsIdsOfAnyLengthAndScript) {
  const std::string user(65'536, 'u');
  const std::string article(65'536, 'i');
  const Dataset data = prepared(csv(user + "," + article + ",1\n用户 7,\"é,\"\"ß\",2\n"));
  EXPECT_EQ(data.user_ids, (Lines{user, "用户 7"}));
  EXPECT_EQ(lines_of(data)[1], "用户 7: é,\"ß");
  write_dataset(temp.path() / "out", data);
  EXPECT_EQ(lines_of(read_dataset(temp.path() / "out")), lines_of(data));
}

TEST_F(Prepare, NumbersItemsAlikeWhateverTheirOrder) {
  PrepareOptions options = csv("a,9,1\na,10,2\nb,x,1\nb,9,2\n");
  const Dataset first = prepared(options);
  const Dataset other = prepared(csv("b,x,1\na,9,1\nb,9,2\na,10,2\n"));
  for (const char* id : {"9", "10", "x"}) {
    EXPECT_EQ(number_by_id(first.items).at(id), number_by_id(other.items).at(id));
  }
}

TEST_F(Prepare, NamesTheLineOfABadRecord) {
  const auto refused = [&](std::string_view lines, std::initializer_list<std::string_view> parts) {
    PrepareOptions options = csv("a,p,1\n" + std::string(lines));
    options.shape->encoding = "utf-8";
    expect_refused(options, parts);
  };
  refused(",p,1\n", {"log.csv:3:", "user id is missing"});
  refused("a,,1\n", {"log.csv:3:", "item id is missing"});
  refused("a,p\n", {"log.csv:3:", "2 fields where 3"});
  refused("a,p\0q,1\n"s, {"log.csv:3:", "item id", "NUL"});
  refused("\"a\nb\",p,1\n", {"log.csv:3:", "user id", "line end"});
  refused("a,caf\xE9,1\n", {"log.csv:3:", "item id", "not UTF-8"});
  refused("a,p,yesterday\n", {"log.csv:3:", "time 'yesterday'"});
  refused("a,p,99999999999\n", {"log.csv:3:", "after the year 2105"});
  refused("a,p,2014-01-01\n", {"log.csv:3:", "time '2014-01-01' is no number", "--time-unit"});
  PrepareOptions options = csv("a,p,1,good\n", ",rating");
  options.fields.min_rating = 1;
  expect_refused(options, {"log.csv:2:", "rating 'good'"});
}

TEST_F(Prepare, RefusesIdsOfMixedTypesButNotNumbersBesideStrings) {
  PrepareOptions options;
  options.shape = RecordShape{.format = "jsonl"};
  const auto put_line = [&](const std::string& line) {
    options.interactions = {put("log.jsonl", "{\"user\":1,\"item\":\"2\"}\n" + line + "\n")};
  };
  put_line(R"({"user":"1","item":2})");
  EXPECT_EQ(lines_of(prepared(options)), Lines{"1: 2 2"});
  for (const char* line : {R"({"user":1.5,"item":2})", R"({"user":[1],"item":2})",
                           R"({"user":{"id":1},"item":2})", R"({"user":true,"item":2})"}) {
    put_line(line);
    expect_refused(options, {"log.jsonl:2:", "user id"});
  }
  put_line(R"({"user":null,"item":2})");
  expect_refused(options, {"log.jsonl:2:", "user id is missing"});
  options.fields.time = "";
  options.interactions = {put(
      "log.jsonl", "{\"user\":1,\"item\":2,\"time\":3}\n{\"user\":1,\"item\":2,\"time\":[3]}\n")};
  expect_refused(options, {"log.jsonl:2:", "time"});
}

TEST_F(Prepare, SkipsAndCountsBadRecordsInAllFilesTogether) {
  PrepareOptions options = csv("a,p,1\n,q,1\na,q,soon\nb,p,1\n");
  options.max_errors = 2;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: p", "b: p"}));
  EXPECT_EQ(report.bad_records, 2U);
  EXPECT_NE(report.first_bad.find("log.csv:3:"), std::string::npos);
  options.items = {put("items.csv", "id,title\n,none\np,Tea\n")};
  expect_refused(options, {"log.csv:4:", "2 bad ones"});
}

TEST_F(Prepare, ALineOfSequencesIsSkippedWhole) {
  PrepareOptions options;
  options.interactions = {put("in.txt", "a 1 2\nb 1 x\nc 2\na 7\n")};
  options.max_errors = 2;
  EXPECT_EQ(lines_of(prepared(options)), (Lines{"a: 1 2", "c: 2"}));
}

TEST_F(Prepare, SequencesHaveNoRatingsOrTypes) {
  PrepareOptions options;
  options.interactions = {put("in.txt", "a 1 2\n")};
  options.fields.min_rating = 1;
  expect_refused(options, {"no user is left"});
  EXPECT_EQ(dropped("not rated"), 2U);
  options.fields.min_rating.reset();
  options.fields.weights = {{"view", 1}};
  expect_refused(options, {"no user is left"});
}

TEST_F(Prepare, AUserMayHaveAnIdOfAnyBytes) {
  PrepareOptions options = csv("Ren\xE9\x1B,p,1\n");
  options.shape->encoding = "utf-8";
  const Dataset data = prepared(options);
  write_dataset(temp.path() / "out", data);
  EXPECT_EQ(read_dataset(temp.path() / "out").user_ids, Lines{"Ren\xE9\x1B"});
}

TEST_F(Prepare, SummaryHoldsCountsLengthsDensityAndTimes) {
  PrepareOptions options = with_items("id,title\np,Tea\nz,Cup\n");
  const Dataset data = prepared(options);
  const nlohmann::json summary = summarise(data, report);
  EXPECT_EQ(summary.at("users"), 2);
  EXPECT_EQ(summary.at("items"), 3);
  EXPECT_EQ(summary.at("events"), 3);
  EXPECT_EQ(summary.at("history_length").dump(), R"({"max":2,"mean":1.5,"median":2,"min":1})");
  EXPECT_DOUBLE_EQ(summary.at("density").get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(summary.at("text_share").get<double>(), 2.0 / 3.0);
  EXPECT_EQ(summary.at("first_time"), 1);
  EXPECT_EQ(summary.at("last_time"), 2);
}

}  // namespace
}  // namespace tessera
