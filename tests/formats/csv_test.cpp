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
  EXPECT_EQ(csv("a::b\n1:2::3\n"), (Rows{{"1:2", "3"}}));
  EXPECT_EQ(csv("a b\n1   2\n 3 \t4\n"), (Rows{{"1", "2"}, {"3", "4"}}));
  EXPECT_EQ(csv("a,b\n1,x|y|z\n2,\"z;w\"\n"), (Rows{{"1", "x|y|z"}, {"2", "z;w"}}));
  EXPECT_EQ(rows_of("a:b\n1:2\n", {.delimiter = ":"}, {"a", "b"}), (Rows{{"1", "2"}}));
  EXPECT_EQ(rows_of("a#-#b\n1#2#-#\"#-#\"\n", {.delimiter = "#-#"}, {"a", "b"}),
            (Rows{{"1#2", "#-#"}}));
}

TEST(Csv, NumbersColumnsWithoutAHeader) {
  const RecordShape shape{.header = false};
  EXPECT_EQ(names_of("u,i,5\nv,j,4\n", shape), (Row{"1", "2", "3"}));
  EXPECT_EQ(rows_of("u,i,5\nv,j,4\n", shape, {"2", "1"}), (Rows{{"i", "u"}, {"j", "v"}}));
}

TEST(Csv, TakesAFirstLineThatIsARecordForOne) {
  const auto names = [](std::string_view content) { return names_of(content, {}); };
  EXPECT_EQ(names("1,2,4,978300760\n1,3,5,978300800\n"), (Row{"1", "2", "3", "4"}));
  EXPECT_EQ(names("1::1193::5::978300760"), (Row{"1", "2", "3", "4"}));
  EXPECT_EQ(names("1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,21,0\n"),
            (Row{"1", "2", "3", "4"}));
  EXPECT_EQ(names("ann,tea\nann,cup\nbob,tea\n"), (Row{"1", "2"})) << "names do not come again";
  EXPECT_EQ(names("196 242 3 881250949\n186 302 3 891717742\n").size(), 4U);
  for (const char* head : {"user,item,time\n1,2,978300760\n", "user,item\nann,tea\nbob,cup\n",
                           "user,item", ",user\n0,7\n1,8\n", "a,b\na,b\n"}) {
    EXPECT_NE(names(head)[1], "2") << head;
  }
  EXPECT_EQ(names_of("1,2\n3,4\n", {.header = true}), (Row{"1", "2"}));
}

TEST(Csv, LeavesQuotesBetweenTabsAlone) {
  EXPECT_EQ(csv("a\tb\nN1\t\"Quoted from here\nN2\tMiddle\nN3\tto here\"\n"),
            (Rows{{"N1", "\"Quoted from here"}, {"N2", "Middle"}, {"N3", "to here\""}}));
  EXPECT_EQ(rows_of("a\tb\n1\t\"x\ty\"\n", {.quoting = Quoting::csv}, {"a", "b"}),
            (Rows{{"1", "x\ty"}}));
  EXPECT_EQ(rows_of("a,b\n\"1,2\n", {.quoting = Quoting::none}, {"a", "b"}), (Rows{{"\"1", "2"}}));
}

TEST(Csv, UnescapesBackslashesWhereTheyQuote) {
  const RecordShape shape{.delimiter = ",", .quoting = Quoting::backslash};
  EXPECT_EQ(
      rows_of("a,b\n\"say \\\"hi\\\"\",x\\,y\n\\N,\"d\"\"q\"\n1,two\\\nlines\n", shape, {"a", "b"}),
      (Rows{{"say \"hi\"", "x,y"}, {"\\N", "d\"q"}, {"1", "two\nlines"}}));
}

TEST(Csv, LosesOneRecordByAQuoteThatIsNotClosed) {
  BadRecords bad{.allowed = 5};
  EXPECT_EQ(rows_of("a,b\n1,\"open\n2,x\n3,y\n4,z\n", {}, {"a"}, bad), (Rows{{"2"}, {"3"}, {"4"}}));
  EXPECT_EQ(bad.skipped, 1U);
  BadRecords other{.allowed = 5};
  EXPECT_EQ(rows_of("a,b\n1,\"open\n2,x\n3,\"y\"\n4,z\n", {}, {"a"}, other),
            (Rows{{"2"}, {"3"}, {"4"}}));
  EXPECT_EQ(other.skipped, 1U);
}

TEST(Csv, SkipsBlanksBehindDelimitersWhereAllHaveThem) {
  EXPECT_EQ(csv("a, b\n1, 2\n3, \"x, y\"\n"), (Rows{{"1", "2"}, {"3", "x, y"}}));
  EXPECT_EQ(csv("a,b\n1, 2\n"), (Rows{{"1", " 2"}}));
}

TEST(Csv, AllowsAShareOfBadRecords) {
  BadRecords bad{.share = 0.25};
  EXPECT_EQ(rows_of("a,b\n1\n2,2\n3,3\n4,4\n", {}, {"a"}, bad).size(), 3U);
  bad.finish(3);
  expect_error([&] { bad.finish(2); }, {"1 of 3 records", "25%", "file:2:"});
}

TEST(Csv, ReadsOtherEncodings) {
  EXPECT_EQ(csv("\xFF\xFE"
                "a\0,\0b\0\n\0\xE9\0,\0\x2D\x4E\n\0"s),
            (Rows{{"é", "中"}}));
  const RecordShape gbk{.encoding = "gbk"};
  EXPECT_EQ(rows_of("a,b\n\xD6\xD0,\xB9\xFA\n", gbk, {"a", "b"}), (Rows{{"中", "国"}}));
  const auto guessed = [](std::string_view content) {
    ByteStream stream("file", content);
    const RecordReader reader(stream, {});
    EXPECT_EQ(reader.remarks().size(), 1U) << content;
    return rows_of(content, {}, {"a", "b"});
  };
  EXPECT_EQ(guessed("a,b\ncaf\xE9,na\xEFve \x80\n"), (Rows{{"café", "naïve €"}}));
  EXPECT_EQ(guessed("a,b\n\xD6\xD0\xB9\xFA,\xD3\xB0\xC6\xAC\n"), (Rows{{"中国", "影片"}}));
  EXPECT_EQ(guessed("a,b\n\x82\xA0\x82\xA2,\x83\x65\x83\x58\x83\x67\n"),
            (Rows{{"あい", "テスト"}}));
  EXPECT_EQ(guessed("a,b\n\xCF\xF0\xE8\xE2\xE5\xF2,\xEC\xE8\xF0 \xEE\xEA\xED\xEE\n"),
            (Rows{{"Привет", "мир окно"}}));
  // Mostly UTF-8 is UTF-8.
  EXPECT_EQ(csv("a,b\né,ü\ncaf\xE9,中\n")[1][0], "caf\xE9");
  std::string large = "a,b\n";
  for (int i = 0; i < 100'000; ++i) large += "caf\xE9,x\n";
  const Rows rows = csv(large);
  EXPECT_EQ(rows.size(), 100'000U);
  EXPECT_EQ(rows.back()[0], "café");
}

TEST(Csv, RecognisesFilesThatAreNoText) {
  const std::vector<std::pair<const char*, const char*>> files = {{"PAR1\x15", "Parquet"},
                                                                  {"\xD0\xCF\x11\xE0", "Excel"},
                                                                  {"SQLite format 3", "SQLite"},
                                                                  {"\x89HDF\r\n", "HDF5"}};
  for (const auto& [head, what] : files) {
    expect_error([&] { csv(head); }, {"file", what});
  }
}

TEST(Netflix, ReadsBlocksOfItems) {
  const std::string file =
      "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n1488844,4,2005-10-19\n";
  EXPECT_EQ(names_of(file, {}), (Row{"user", "item", "rating", "time"}));
  EXPECT_EQ(rows_of(file, {}, {"item", "user", "time", ""}),
            (Rows{{"1", "1488844", "2005-09-06", "<absent>"},
                  {"1", "822109", "2005-05-13", "<absent>"},
                  {"2", "1488844", "2005-10-19", "<absent>"}}));
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
  expect_error([] { csv("a,b\r1,2\r3,4\r"); }, {"file", "carriage returns"});
}

TEST(Csv, ReadsRecboleFilesByTheirTypedHeaders) {
  const RecordShape shape{.format = "recbole"};
  const std::string file =
      "user_id:token\ttitle:token_seq\trating:float\n7\t\"Heat\" (1995)\t4.5\n";
  EXPECT_EQ(names_of(file, shape), (Row{"user_id", "title", "rating"}));
  EXPECT_EQ(rows_of(file, shape, {"title", "user_id"}), (Rows{{"\"Heat\" (1995)", "7"}}));
}

}  // namespace
}  // namespace tessera
