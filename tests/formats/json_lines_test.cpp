#include "formats/json_lines.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "formats/python_literal.h"
#include "formats/reading.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using namespace std::string_literals;
using testing::expect_error;
using testing::names_of;
using testing::Row;
using testing::Rows;
using testing::rows_of;

const RecordShape kJson{.format = "jsonl"};
const RecordShape kAmazon{.format = "amazon"};

Row one(std::string_view line, const std::vector<std::string>& wanted,
        const RecordShape& shape = kJson) {
  const Rows rows = rows_of(line, shape, wanted);
  EXPECT_EQ(rows.size(), 1U);
  return rows.at(0);
}

TEST(JsonLines, FollowsDottedPaths) {
  const char* line = R"({"user": {"id": "u1", "x": {"y": 2}}, "a.b": 3, "c": {"d.e": 4}})";
  EXPECT_EQ(one(line, {"user.id", "user.x.y", "a.b", "c.d.e", "user.none", "none", "user.id.z"}),
            (Row{"u1", "2", "3", "4", "<absent>", "<absent>", "<absent>"}));
  EXPECT_EQ(names_of(line, kJson), (Row{"user.id", "user.x.y", "a.b", "c.d.e"}));
}

TEST(JsonLines, WritesValuesAsText) {
  EXPECT_EQ(one(R"({"a": 12, "b": -3.5, "c": 18446744073709551615, "d": null, "e": true, "f": ""})",
                {"a", "b", "c", "d", "e", "f"}),
            (Row{"12", "-3.5", "18446744073709551615", "<absent>", "true", ""}));
  EXPECT_EQ(one(R"({"a": [["Makeup", "Nails"], ["Gifts"]], "b": {"x": 1, "y": [2]}, "c": []})",
                {"a", "b", "c"}),
            (Row{"Makeup, Nails, Gifts", "1, 2", ""}));
  EXPECT_EQ(one(R"({"a": "tab\t\u00e9\ud83d\ude00"})", {"a"}), (Row{"tab\té😀"}));
}

TEST(JsonLines, SkipsBlankLinesAndABom) {
  EXPECT_EQ(rows_of("\xEF\xBB\xBF{\"a\":1}\r\n\n  \n{\"a\":2}", kJson, {"a"}),
            (Rows{{"1"}, {"2"}}));
}

TEST(JsonLines, NamesTheLineOfWhatIsWrong) {
  const auto refused = [](std::string_view line) {
    expect_error([&] { rows_of("{\"a\": 1}\n" + std::string(line) + "\n", kJson, {"a"}); },
                 {"file:2:", "not a JSON object"});
  };
  for (const char* line : {"{\"a\": 1", "{\"a\" 1}", "[{\"a\": 1}]", "7", "{\"a\": \"x}",
                           "{'a': x}", "{\"a\": 1} {\"a\": 2}"}) {
    refused(line);
  }
  refused(std::string(3000, '['));
  EXPECT_EQ(one("{\"a\": \"x\ty\"}", {"a"}), Row{"x\ty"}) << "a tab that is not escaped";
  BadRecords bad{.allowed = 1};
  EXPECT_EQ(rows_of("{\"a\":1}\noops\n{\"a\":3}\n", kJson, {"a"}, bad), (Rows{{"1"}, {"3"}}));
  EXPECT_EQ(bad.skipped, 1U);
}

TEST(JsonLines, ReadsAmazonsPythonLiterals) {
  EXPECT_EQ(
      one(R"({'asin': '0001', 'title': "Dr. Scholl's", 'price': 4.99, 'categories': [['Foot', )"
          R"(u'Care']], 'related': None})",
          {"asin", "title", "price", "categories", "related"}, kAmazon),
      (Row{"0001", "Dr. Scholl's", "4.99", "Foot, Care", "<absent>"}));
  EXPECT_EQ(one(R"({"asin": "0002"})", {"asin"}, kAmazon), (Row{"0002"}));
  expect_error([] { rows_of("{'asin': '1'}\n{'asin': '1}\n", kAmazon, {"asin"}); },
               {"file:2:", "not a JSON object"});
}

TEST(Json, ReadsListsAndObjectsOverSeveralLines) {
  const Rows expected = {{"1", "x"}, {"2", "y {"}};
  for (const char* text : {R"([{"a": 1, "b": "x"}, {"a": 2, "b": "y {"}])",
                           "[\n  {\n    \"a\": 1,\n    \"b\": \"x\"\n  },\n  "
                           "{\n    \"a\": 2,\n    \"b\": \"y {\"\n  }\n]\n",
                           "{\n\"a\": 1,\n\"b\": \"x\"}\n{\n\"a\": 2,\n\"b\": \"y {\"\n}",
                           "[{\"a\": 1, \"b\": \"x\"},\r\n{\"a\": 2, \"b\": \"y {\"}]\r\n"}) {
    EXPECT_EQ(rows_of(text, kJson, {"a", "b"}), expected) << text;
    EXPECT_EQ(names_of(text, kJson), (Row{"a", "b"})) << text;
  }
  expect_error([] { rows_of("[{\"a\": 1},\n{\"a\": 2", kJson, {"a"}); }, {"file:2:", "not closed"});
  BadRecords bad{.allowed = 3};
  EXPECT_EQ(rows_of("[{\"a\": 1},\n7,\n{\"a\" 2},\n{\"a\": 3}]", kJson, {"a"}, bad),
            (Rows{{"1"}, {"3"}}));
  EXPECT_EQ(bad.skipped, 2U);
}

TEST(Json, TakesNumbersThatAreNoneForMissing) {
  EXPECT_EQ(rows_of("{\"a\": 1, \"b\": NaN}\n{\"a\": 2, \"b\": -Infinity}\n", kJson, {"a", "b"}),
            (Rows{{"1", "<absent>"}, {"2", "<absent>"}}));
}

TEST(Json, ReadsPythonLiteralsInAnyFile) {
  EXPECT_EQ(rows_of("{'a': 1, 'b': None}\n", kJson, {"a", "b"}), (Rows{{"1", "<absent>"}}));
}

TEST(PythonLiteral, BecomesTheSameJson) {
  const auto json = [](std::string_view literal) {
    std::string text;
    EXPECT_TRUE(python_to_json(literal, text)) << literal;
    return nlohmann::json::parse(text);
  };
  EXPECT_EQ(json(R"({'a': True, 'b': (1, 2.5e-3,), 'c': [None, ], 'd': {}})"),
            nlohmann::json::parse(R"({"a": true, "b": [1, 2.5e-3], "c": [null], "d": {}})"));
  EXPECT_EQ(
      json(R"(['it\'s', "a \"q\"", '"', 'x\\y', '\xe9\u00e9\U0001F600', 'tab\t\n', '\d'])"),
      nlohmann::json::parse(R"(["it's", "a \"q\"", "\"", "x\\y", "éé😀", "tab\t\n", "\\d"])"));
  std::string text;
  for (const char* bad : {"'open", "{'a': undefined}", "'\\x1'", "'\\U0011FFFF'", "'\\"}) {
    EXPECT_FALSE(python_to_json(bad, text)) << bad;
  }
}

}  // namespace
}  // namespace tessera
