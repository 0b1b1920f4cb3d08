#include "formats/csv.h"

#include <gtest/gtest.h>

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

Rows csv(std::string_view content, const std::vector<std::string>& wanted = {"a", "b"}) {
  return rows_of(content, {}, wanted);
}

TEST(Csv, ReadsNamedColumnsInTheOrderAskedFor) {
  EXPECT_EQ(csv("b,x,a\n1,2,3\n4,5,6\n"), (Rows{{"3", "1"}, {"6", "4"}}));
  EXPECT_EQ(csv("b,x,a\n1,2,3", {"a", ""}), (Rows{{"3", "<absent>"}}));
  EXPECT_EQ(csv("a,b\n"), Rows{});
}

TEST(Csv, UnquotesAsRfc4180Has) {
  EXPECT_EQ(csv("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n"), (Rows{{"x,y", "say \"hi\""}}));
  EXPECT_EQ(csv("a,b\n\"two\nlines\",\"\"\n1,2\n"), (Rows{{"two\nlines", ""}, {"1", "2"}}));
  EXPECT_EQ(csv("a,b\r\n\"two\r\nlines\",z\r\n"), (Rows{{"two\r\nlines", "z"}}));
  EXPECT_EQ(csv("\"a\",\"b\"\n\"\"\"\",\"\"\"\"\"\"\n"), (Rows{{"\"", "\"\""}}));
}

TEST(Csv, TakesAQuoteInsideAPlainFieldAsACharacter) {
  EXPECT_EQ(csv("a,b\n5\" nail,x\"y\"\n"), (Rows{{"5\" nail", "x\"y\""}}));
}

TEST(Csv, MixesLineEndsAndSkipsABomAndBlankLines) {
  EXPECT_EQ(csv("\xEF\xBB\xBF"
                "a,b\r\n1,2\n\n3,4\r\n\r\n5,6"),
            (Rows{{"1", "2"}, {"3", "4"}, {"5", "6"}}));
}

TEST(Csv, GuessesTheDelimiter) {
  EXPECT_EQ(csv("a;b\n1,5;2\n"), (Rows{{"1,5", "2"}}));
  EXPECT_EQ(csv("a\tb\n1\t2\n"), (Rows{{"1", "2"}}));
  EXPECT_EQ(csv("a|b\n1|2\n"), (Rows{{"1", "2"}}));
  EXPECT_EQ(rows_of("a:b\n1:2\n", {.delimiter = ':'}, {"a", "b"}), (Rows{{"1", "2"}}));
}

TEST(Csv, NumbersColumnsWithoutAHeader) {
  const RecordShape shape{.header = false};
  EXPECT_EQ(names_of("u,i,5\nv,j,4\n", shape), (Row{"1", "2", "3"}));
  EXPECT_EQ(rows_of("u,i,5\nv,j,4\n", shape, {"2", "1"}), (Rows{{"i", "u"}, {"j", "v"}}));
}

TEST(Csv, NamesTheLineOfWhatIsWrong) {
  expect_error([] { csv("a,b\n1,2\n3\n"); }, {"file:3:", "1 fields where 2"});
  expect_error([] { csv("a,b\n1,2,3\n"); }, {"file:2:", "3 fields where 2"});
  expect_error([] { csv("a,b\n\"x\"y,2\n"); }, {"file:2:", "closing quote of field 1"});
  // Lines inside quotes count; the record is named by its first.
  expect_error([] { csv("a,b\n\"x\n\n\",2\n3,\"y\nz"); }, {"file:5:", "not closed"});
}

TEST(Csv, SkipsAndCountsAsManyBadRecordsAsAllowed) {
  BadRecords bad{.allowed = 2};
  EXPECT_EQ(rows_of("a,b\n1,2\n3\n4,5,6\n7,8\n", {}, {"a"}, bad), (Rows{{"1"}, {"7"}}));
  EXPECT_EQ(bad.skipped, 2U);
  EXPECT_NE(bad.first.find("file:3:"), std::string::npos) << bad.first;
  BadRecords few{.allowed = 1};
  expect_error([&] { rows_of("a,b\n1\n2\n", {}, {"a"}, few); },
               {"file:3:", "1 bad", "--max-errors"});
}

TEST(Csv, KeepsNulBytesAndLongFields) {
  EXPECT_EQ(csv("a,b\nx\0y,2\n"s), (Rows{{"x\0y"s, "2"}}));
  const std::string wide(3'000'000, 'w');
  EXPECT_EQ(csv("a,b\n" + wide + ",\"" + wide + "\"\n1,2\n"), (Rows{{wide, wide}, {"1", "2"}}));
}

TEST(Csv, RefusesFilesThatAreNone) {
  expect_error([] { csv(""); }, {"file", "empty"});
  expect_error([] { csv("\r\n \n"); }, {"file", "empty"});
  expect_error(
      [] {
        csv("\xFF\xFE"
            "a\0,\0b\0"s);
      },
      {"file", "UTF-16", "iconv"});
  expect_error([] { csv("a,b\r1,2\r3,4\r"); }, {"file", "carriage returns"});
}

TEST(Csv, ReadsRecboleFilesByTheirTypedHeaders) {
  const RecordShape shape{.format = Format::recbole};
  const std::string file =
      "user_id:token\ttitle:token_seq\trating:float\n7\t\"Heat\" (1995)\t4.5\n";
  EXPECT_EQ(names_of(file, shape), (Row{"user_id", "title", "rating"}));
  EXPECT_EQ(rows_of(file, shape, {"title", "user_id"}), (Rows{{"\"Heat\" (1995)", "7"}}));
}

}  // namespace
}  // namespace tessera
