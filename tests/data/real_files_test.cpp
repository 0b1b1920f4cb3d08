// Logs and catalogues as they lie about: what is read as it was meant, what is doubted, what is
// asked.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/prepare_request.h"
#include "data/preparing.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::lines_of;

class RealFiles : public testing::PrepareTest {
 protected:
  PrepareRequest request(const std::string& log, const std::string& format = "csv") const {
    PrepareRequest request;
    request.format = format;
    request.options.interactions = {put("log", log)};
    return request;
  }
  Dataset prepared(const PrepareRequest& request) { return prepare(options_of(request), report); }
  bool doubts(std::initializer_list<std::string_view> parts) const {
    return std::ranges::any_of(report.warnings, [&](const std::string& warning) {
      return std::ranges::all_of(
          parts, [&](std::string_view part) { return warning.find(part) != std::string::npos; });
    });
  }
  std::string field(std::string_view role) const {
    return std::ranges::find(report.choices, role, &FieldChoice::role)->field;
  }
};

TEST_F(RealFiles, MovieLensWithoutAHeader) {
  for (const char* log : {"1,2,4,978300760\n1,3,5,978300800\n2,3,1,978300860\n",
                          "1::2::4::978300760\n1::3::5::978300800\n2::3::1::978300860\n",
                          "1\t2\t4\t978300760\n1\t3\t5\t978300800\n2\t3\t1\t978300860\n"}) {
    const Dataset data = prepared(request(log));
    EXPECT_EQ(lines_of(data), (Lines{"1: 2 3", "2: 3"}));
    EXPECT_EQ(data.times.front(), 978'300'760);
    EXPECT_TRUE(doubts({"first line is a record", "--header"}));
  }
}

TEST_F(RealFiles, AClickLogWithTheTimeInSecondPlace) {
  PrepareRequest clicks = request(
      "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,0\n"
      "2,2014-04-07T13:56:37.614Z,214662742,0\n");
  clicks.csv.no_header = true;
  EXPECT_EQ(lines_of(prepared(clicks)), (Lines{"1: 214536502 214536500", "2: 214662742"}));
  EXPECT_EQ(field("time"), "2");
}

TEST_F(RealFiles, ListsOfItemsInOneField) {
  const Lines expected = {"1: 5 6 7 9", "2: 6"};
  PrepareRequest blanks =
      request("user\titems\ttime\n1\t5 6  7 \t100\n2\t6\t90\n1\t9\t200\n2\t\t95\n", "tsv");
  blanks.options.fields.item = "items";
  blanks.options.fields.item_delimiter = "blanks";
  const Dataset data = prepared(blanks);
  EXPECT_EQ(lines_of(data), expected);
  EXPECT_EQ(data.times, (std::vector<std::int64_t>{100, 100, 100, 200, 90}));
  PrepareRequest bars = request("user,items,time\n1,5||6||7,100\n2,6,90\n1,9||,200\n");
  bars.options.fields.item = "items";
  bars.options.fields.item_delimiter = "||";
  EXPECT_EQ(lines_of(prepared(bars)), expected);
  PrepareRequest json = request(
      R"({"user": 1, "items": [5, "6", 7], "time": 100}
         {"user": 2, "items": ["6"], "time": 90}
         {"user": 1, "items": [9], "time": 200}
         {"user": 3, "items": [], "time": 1})",
      "jsonl");
  json.options.fields.item = "items";
  expect_error([&] { prepared(json); }, {"'5, 6, 7'", "--item-delimiter"});
  json.options.fields.item_delimiter = ",";
  EXPECT_EQ(lines_of(prepared(json)), expected);
}

TEST_F(RealFiles, ListsOfItemsAreDoubtedWhereNobodySaidSo) {
  prepared(request("user,item,time\n1,N5 N6 N7,100\n2,N6 N9,90\n1,N9 N5,200\n"));
  EXPECT_TRUE(doubts({"'N5 N6 N7'", "look like lists", "--item-delimiter ' '"}));
  prepared(request("user,item,time\n1,The 39 Steps,100\n2,12 Angry Men,90\n1,Heat,200\n"));
  EXPECT_FALSE(doubts({"look like lists"}));
}

TEST_F(RealFiles, RatingsWithoutTimesAreNoTimes) {
  const Dataset data = prepared(request("1,2,4\n1,3,5\n2,3,1\n"));
  EXPECT_TRUE(data.times.empty());
  EXPECT_TRUE(doubts({"no time was found", "--time"}));
}

TEST_F(RealFiles, OneColumnHasOneRole) {
  PrepareRequest chinese = request("用户ID,商品ID,时间\n1,7,978300760\n1,8,978300800\n");
  chinese.options.fields.user = "用户ID";
  EXPECT_EQ(lines_of(prepared(chinese)), Lines{"1: 7 8"});
  EXPECT_EQ(field("item"), "商品ID");
  prepared(request("id,user_id,video_id,created_at\n1,5,7,2020-01-01\n2,5,8,2020-01-02\n"));
  EXPECT_EQ(field("item"), "video_id");
  prepared(request("id,user_id,clip_id,created_at\n1,5,7,2020-01-01\n2,5,8,2020-01-02\n"));
  EXPECT_EQ(field("item"), "clip_id");
  expect_error([&] { prepared(request("id,user_id,created_at\n1,5,2020-01-01\n")); },
               {"which field is the item"});
}

TEST_F(RealFiles, DoubtEventsThatHaveAnItemOrUserEach) {
  std::string log = "user,item,time\n";
  for (int i = 0; i < 40; ++i) log += fmt::format("u{},r{},{}\n", i % 4, i, 978300760 + i);
  prepared(request(log));
  EXPECT_TRUE(doubts({"40 events have 40 different items", "('item')"}));
  EXPECT_FALSE(doubts({"different users"}));
}

TEST_F(RealFiles, NameTheCauseWhereLogAndItemsShareNoIds) {
  const auto cause = [&](const std::string& ids, const std::string& listed) {
    PrepareRequest both = request("user,item,time\nann," + ids + ",978300760\n");
    both.options.items = {put("items", "item,title\n" + listed + ",Tea\n")};
    prepared(both);
    return report.warnings.empty() ? "" : report.warnings.back();
  };
  EXPECT_EQ(cause("17850", "17850"), "");
  EXPECT_NE(cause("17850.0", "17850").find("'.0' behind"), std::string::npos);
  EXPECT_NE(cause("7", "007").find("leading zeros, as '7' and '007'"), std::string::npos);
  EXPECT_NE(cause("b7", "B7").find("upper and lower case"), std::string::npos);
  EXPECT_NE(cause("b7 ", "b7").find("blanks"), std::string::npos);
  EXPECT_NE(cause("b7", "c8").find("only 0 ids are in both"), std::string::npos);
}

TEST_F(RealFiles, TypesOfEventsAreNamedAndTrimmed) {
  PrepareRequest typed = request(
      "user,item,time,event\na,p,978300760,view\na,q,978300761,purchase\na,q,978300762,cart\n"
      "a,q,978300763,cart\n");
  typed.event_types = "view=1, purchase=3, refund = 1";
  EXPECT_EQ(lines_of(prepared(typed)), Lines{"a: p q"});
  EXPECT_TRUE(doubts({"no event is of the type 'refund'"}));
  EXPECT_TRUE(doubts({"leaves out events of the type 'cart' (2)"}));
}

TEST_F(RealFiles, DensityCountsPairs) {
  const Dataset data = prepared(request("user,item,time\na,p,1\na,p,2\na,p,3\nb,q,4\n"));
  EXPECT_EQ(summarise(data, report).at("density"), 0.5);
}

TEST_F(RealFiles, MissingValuesHaveManyNames) {
  const std::string log =
      "user,item,rating,time\na,p,5,978300760\nNULL,q,4,978300761\na,r,NA,978300762\n"
      "a,s,4,\\N\na,t,4,nan\n";
  PrepareRequest missing = request(log);
  missing.options.fields.min_rating = 1;
  expect_error([&] { prepared(missing); }, {"log:3:", "user id is missing"});
  missing.max_errors = "20%";
  EXPECT_EQ(lines_of(prepared(missing)), Lines{"a: p s t"});
  EXPECT_EQ(report.unknown_times, 2U);
  EXPECT_EQ(report.missing, 4U);
  EXPECT_EQ(report.bad_records, 1U);
  missing.max_errors = "19%";
  expect_error([&] { prepared(missing); }, {"1 of 5 records are bad", "19%"});
  PrepareRequest other = request("user,item\nNULL,p\nnobody,q\n");
  other.missing = "nobody";
  other.max_errors = "1";
  EXPECT_EQ(lines_of(prepared(other)), Lines{"NULL: p"});
}

TEST_F(RealFiles, SequencesThatAreRecordsAreAskedAbout) {
  const auto refused = [&](const char* log, std::initializer_list<std::string_view> parts) {
    expect_error([&] { prepared(request(log, "")); }, parts);
  };
  refused("196 242 3 881250949\n186 302 3 891717742\n", {"one event a line", "--format csv"});
  refused("user,item\n1,2\n", {"--format csv"});
  refused("1::2::3::978300760\n", {"--format csv"});
  refused("{\"user\": 1}\n", {"--format jsonl"});
  EXPECT_EQ(lines_of(prepared(request("a 1 2 3\nb 2 3 1\n", ""))), (Lines{"a: 1 2 3", "b: 2 3 1"}));
  EXPECT_EQ(prepared(request("a 1 881250949\nb 2 891717742\n", "sequences")).users(), 2U);
}

TEST_F(RealFiles, AnItemsFileMayBeWrittenInAnotherWay) {
  PrepareRequest both = request("1::7::5::978300760\n1::8::4::978300761\n");
  both.options.items = {put("items.csv", "movieId,title\n7,Heat\n8,Caf\xE9\n")};
  const Dataset data = prepared(both);
  EXPECT_EQ(item(data, "8").title, "Café");
  EXPECT_TRUE(doubts({"items.csv", "WINDOWS-1252", "--encoding"}));
  both.options.items = {put("items.dat", "7::Heat::Crime\n8::Casino::Drama\n")};
  EXPECT_EQ(item(prepared(both), "8").title, "Casino");
}

TEST_F(RealFiles, TimesBefore1970AreTimes) {
  const Dataset data = prepared(
      request("user,item,time\na,p,1969-12-31 23:59:59\na,q,1960-01-01\na,r,\na,s,1970-01-01\n"));
  EXPECT_EQ(lines_of(data), Lines{"a: q r p s"});
  EXPECT_EQ(data.times, (std::vector<std::int64_t>{-315'619'200, -1, -2, 0}));
  EXPECT_EQ(report.unknown_times, 1U);
}

TEST_F(RealFiles, AUnitThatChangesIsAnErrorWithTheLine) {
  expect_error([&] { prepared(request("user,item,time\na,p,978300760123\na,q,978300800\n")); },
               {"log:3:", "looks like seconds", "--time-unit"});
}

TEST_F(RealFiles, SeveralFilesAreOneLog) {
  PrepareRequest both = request("user,item,time\na,p,1\nb,p,2\n");
  both.options.interactions.push_back(put("more", "item;user\nq;a\n"));
  EXPECT_EQ(lines_of(prepared(both)), (Lines{"a: p q", "b: p"}));
  EXPECT_EQ(report.unknown_times, 1U);
}

}  // namespace
}  // namespace tessera
