// One log in many files, folders and formats.
#include "data/input_files.h"
#include "data/prepare_request.h"
#include "data/preparing.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::lines_of;

class ManyFiles : public testing::PrepareTest {
 protected:
  /// Of these under --interactions, with what `change` adds.
  Dataset prepared_of(const std::vector<fs::path>& interactions,
                      const std::function<void(PrepareRequest&)>& change = {}) {
    PrepareRequest request;
    request.format = "csv";
    request.options.interactions = interactions;
    if (change) change(request);
    return prepare(options_of(request), report);
  }
};

TEST_F(ManyFiles, FoldersAndPatternsAreTheirFilesByName) {
  make_directory(temp.path() / "logs");
  put("logs/b.csv", "user,item,time\nann,2,20\n");
  put("logs/a.csv", "user,item,time\nann,1,20\n");
  put("logs/.c.csv", "nothing of ours");
  put("more-1.csv", "user,item,time\nann,3,5\n");
  const Dataset data = prepared_of({temp.path() / "logs", temp.path() / "more-*.csv"});
  EXPECT_EQ(lines_of(data), Lines{"ann: 3 1 2"}) << "equal times in the order of the files";
  EXPECT_EQ(data.name, "logs");
}

TEST_F(ManyFiles, AFormatMayBeNamedForOneOfThem) {
  put("a.csv", "user,item,time\nann,1,10\n");
  put("b.jsonl", R"({"user": "ann", "item": "2", "time": 20})");
  put("c.txt", "ann 3 4\n");
  const Dataset data =
      prepared_of({temp.path() / "a.csv", "jsonl:" + (temp.path() / "b.jsonl").string(),
                   "sequences:" + (temp.path() / "c.txt").string()},
                  [](PrepareRequest& request) { request.order = "file"; });
  EXPECT_EQ(lines_of(data), Lines{"ann: 1 2 3 4"});
}

TEST_F(ManyFiles, WhatIsInTwoFilesIsCountedOnce) {
  put("base.csv", "user,item,time,kind\nann,1,10,view\nann,1,10,buy\nann,1,30,view\nann,2,,view\n");
  put("state.jsonl", R"({"user": "ann", "item": "1", "time": 10, "kind": "view"})"
                     "\n"
                     R"({"user": "ann", "item": "1", "time": 40, "kind": "view"})"
                     "\n"
                     R"({"user": "ann", "item": "2", "kind": "view"})");
  const Dataset data =
      prepared_of({temp.path() / "base.csv", "jsonl:" + (temp.path() / "state.jsonl").string()},
                  [](PrepareRequest& request) { request.duplicates = "event"; });
  EXPECT_EQ(data.events.size(), 6U) << "of the two without a time nobody knows";
  EXPECT_EQ(dropped("read before"), 1U);
}

TEST_F(ManyFiles, AnEventWithAnIdIsCountedOnce) {
  put("a.csv", "user,item,time,id\nann,1,10,x\nann,1,10,y\n");
  put("b.csv", "user,item,time,id\nann,1,10,y\nann,2,10,z\nbob,1,1,\nbob,1,1,\n");
  put("c.csv", "user,item,time\nann,3,10\n");
  const auto by_id = [](PrepareRequest& request) { request.options.fields.id = "id"; };
  const Dataset data =
      prepared_of({temp.path() / "a.csv", temp.path() / "b.csv", temp.path() / "c.csv"}, by_id);
  EXPECT_EQ(lines_of(data), (Lines{"ann: 1 1 2 3", "bob: 1 1"}));
  expect_error([&] { prepared_of({temp.path() / "c.csv"}, by_id); }, {"no file has", "--event-id"});
}

TEST_F(ManyFiles, ALaterFileReplacesWhatAnEarlierOneSaysOfAnItem) {
  const fs::path log = put("log.csv", "user,item,time\nann,1,10\nann,2,20\nann,3,30\n");
  const fs::path base = put("base.csv", "item,title\n1,Tea\n1,Coffee\n2,Pot\n");
  const fs::path later = put("later.jsonl", R"({"item": "2", "title": "Kettle"})"
                                            "\n"
                                            R"({"item": "3", "title": "Cup"})");
  const Dataset data = prepared_of({log}, [&](PrepareRequest& request) {
    request.options.items = {base, "jsonl:" + later.string()};
  });
  EXPECT_EQ(item(data, "1").title, "Tea") << "within a file the first counts";
  EXPECT_EQ(item(data, "2").title, "Kettle");
  EXPECT_EQ(item(data, "2").text, "Kettle");
  EXPECT_EQ(item(data, "3").title, "Cup");
  EXPECT_EQ(report.replaced_items, 1U);
  EXPECT_EQ(report.repeated_item_rows, 1U);
}

// What the service exports goes with a log of any names, units and types.
TEST_F(ManyFiles, AnExportOfTheStateNeedsNoNamesOfFields) {
  put("base.csv", "kunde;ware;wann;was\nann;1;10;buy\nann;2;20;buy\nann;9;25;look\n");
  put("events.jsonl", R"({"user":"ann","item":"2","time":20000,"kind":"buy"})"
                      "\n"
                      R"({"user":"ann","item":"3","time":30500})"
                      "\n"
                      R"({"user":"ann","item":"4","kind":"look"})"
                      "\n"
                      R"({"user":"null","item":"5","time":30500,"kind":"buy","weight":0.5})");
  put("nothing.jsonl", "");
  const auto with = [&](double least) {
    return prepared_of(
        {temp.path() / "base.csv", "export:" + (temp.path() / "events.jsonl").string(),
         "export:" + (temp.path() / "nothing.jsonl").string()},
        [&](PrepareRequest& request) {
          request.csv.delimiter = ";";
          EventFields& fields = request.options.fields;
          std::tie(fields.user, fields.item, fields.time, fields.type) =
              std::tuple("kunde", "ware", "wann", "was");
          request.time_unit = "s";
          request.event_types = "buy=2";
          request.duplicates = "event";
          request.options.min_weight = least;
        });
  };
  EXPECT_EQ(lines_of(with(0)), (Lines{"ann: 1 2 3", "null: 5"}));
  EXPECT_EQ(dropped("read before"), 1U) << "the purchase is in both";
  EXPECT_EQ(dropped("type without"), 2U) << "only types that were named are left out";
  EXPECT_EQ(lines_of(with(1)), (Lines{"ann: 1 2 3"})) << "a weight of its own counts";
  EXPECT_EQ(lines_of(with(1.5)), (Lines{"ann: 1 2"}));
}

TEST_F(ManyFiles, ExportedItemsKeepWhatTheyDoNotSay) {
  const fs::path log = put("log.csv", "user,item,time\nann,1,10\nann,2,20\n");
  const fs::path base = put("base.csv", "sku,name,price\n1,Tea,4\n2,Pot,8\n");
  const fs::path later = put("items.jsonl", R"({"id":"2","title":"Kettle","text":"Steel kettle"})"
                                            "\n"
                                            R"({"id":"3","title":"Cup","text":"Cup","price":2})");
  const Dataset data = prepared_of({log}, [&](PrepareRequest& request) {
    request.options.items = {base, "export:" + later.string()};
    request.options.item_fields = {
        .id = "sku", .title = "name", .text = "{name}!", .attributes = "price:number"};
  });
  EXPECT_EQ(item(data, "1").text, "Tea!");
  EXPECT_EQ(item(data, "2").text, "Steel kettle");
  EXPECT_EQ(item(data, "3").title, "Cup");
  const auto price = [&](const char* id) {
    return data.attributes.value(0, number_by_id(data.items).at(id));
  };
  EXPECT_EQ(price("1"), AttributeValue(4.0));
  EXPECT_EQ(price("2"), AttributeValue(8.0)) << "not said is not gone";
  EXPECT_EQ(price("3"), AttributeValue(2.0));
}

TEST_F(ManyFiles, WhatNamesNoFileOrOneTwiceIsRefused) {
  const fs::path log = put("log.csv", "user,item,time\nann,1,10\n");
  make_directory(temp.path() / "empty");
  expect_error([&] { prepared_of({temp.path() / "empty"}); }, {"empty", "holds no file"});
  expect_error([&] { prepared_of({temp.path() / "no-*.csv"}); }, {"no-*.csv", "matches no file"});
  expect_error([&] { prepared_of({log, temp.path() / "l*.csv"}); }, {"log.csv", "comes twice"});
  // What is called like a pattern, or like a format, is a file.
  const fs::path odd = put("csv:[1].csv", "user,item,time\nann,1,10\n");
  EXPECT_EQ(lines_of(prepared_of({odd})), Lines{"ann: 1"});
}

}  // namespace
}  // namespace tessera
