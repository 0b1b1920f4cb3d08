#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/prepare.h"
#include "testing/errors.h"
#include "testing/files.h"

namespace tessera {
namespace {

using testing::expect_error;
using namespace std::string_literals;

constexpr const char* kTexts = R"({"1": "one", "2": "two", "3": "three", "5": "five"})";

class PrepareSequences : public ::testing::Test {
 protected:
  testing::TempDirectory temp;
  PrepareReport report;

  fs::path put(const char* name, std::string_view content) const {
    write_file(temp.path() / name, content);
    return temp.path() / name;
  }
  PrepareOptions files(std::string_view interactions, const std::string& texts = kTexts,
                       const std::string& times = "") const {
    PrepareOptions options;
    options.interactions = {put("interactions.txt", interactions)};
    if (!texts.empty()) options.item_text = put("item_text.json", texts);
    if (!times.empty()) options.timestamps = put("timestamps.txt", times);
    options.order_by_time = false;
    options.fields.time_form = TimeForm{};
    return options;
  }
  Dataset prepare(PrepareOptions sources, std::uint64_t seed = 1) {
    sources.seed = seed;
    return tessera::prepare(sources, report);
  }
  void expect_refused(const PrepareOptions& sources,
                      std::initializer_list<std::string_view> parts) {
    expect_error([&] { prepare(sources); }, parts);
  }
  static std::vector<std::string> ids_of(const Dataset& data, std::size_t user) {
    std::vector<std::string> ids;
    for (const std::int32_t item : data.history(user)) {
      ids.push_back(data.items[static_cast<std::size_t>(item)].id);
    }
    return ids;
  }
  static const CatalogueItem& item(const Dataset& data, std::string_view id) {
    return data.items[static_cast<std::size_t>(number_by_id(data.items).at(id))];
  }
};

using Ids = std::vector<std::string>;

TEST_F(PrepareSequences, KeepsUsersAndEventsInOrder) {
  const Dataset data = prepare(files("7 1 2 3\nann 3 3 1 5\n"));
  EXPECT_EQ(data.name, temp.path().filename().string());
  EXPECT_FALSE(data.simulated);
  EXPECT_EQ(data.user_ids, (Ids{"7", "ann"}));
  EXPECT_EQ(ids_of(data, 0), (Ids{"1", "2", "3"}));
  EXPECT_EQ(ids_of(data, 1), (Ids{"3", "3", "1", "5"}));
  EXPECT_EQ(data.items.size(), 4U);
  EXPECT_TRUE(data.times.empty());
}

TEST_F(PrepareSequences, ReadsTabsBlanksCrlfAndALastLineWithoutEnd) {
  const Dataset data = prepare(files("a\t1  2\r\n b 2\t \r\nc 3"));
  EXPECT_EQ(data.user_ids, (Ids{"a", "b", "c"}));
  EXPECT_EQ(ids_of(data, 0), (Ids{"1", "2"}));
  EXPECT_EQ(ids_of(data, 1), (Ids{"2"}));
  EXPECT_EQ(ids_of(data, 2), (Ids{"3"}));
}

TEST_F(PrepareSequences, ReadsGzip) {
  std::string lines;
  for (int user = 0; user < 500; ++user) lines += std::to_string(user) + " 1 2 3\n";
  const std::string packed = testing::gzipped(lines);
  EXPECT_EQ(prepare(files(packed)).users(), 500U);
  expect_refused(files(packed.substr(0, packed.size() / 2)), {"interactions.txt", "cut short"});
}

TEST_F(PrepareSequences, CountsColdItemsAndItemsWithoutText) {
  const Dataset data = prepare(files("a 1 4\nb 2 4\n", R"({"1":"one","2":"","6":"cold"})"));
  EXPECT_EQ(data.items.size(), 4U);  // 1, 2, 4, 6
  EXPECT_EQ(report.items_without_text, 2U);
  EXPECT_EQ(report.items_without_events, 1U);
  EXPECT_EQ(item(data, "6").text, "cold");
  EXPECT_EQ(item(data, "4").text, "");
  EXPECT_EQ(item(data, "4").title, "item 4");
}

TEST_F(PrepareSequences, WorksWithoutItemText) {
  const Dataset data = prepare(files("a 3 900\nb 3 7\n", ""));
  EXPECT_EQ(data.items.size(), 3U);
  EXPECT_EQ(report.items_without_text, 3U);
  EXPECT_EQ(report.items_without_events, 0U);
  EXPECT_EQ(item(data, "900").title, "item 900");
}

TEST_F(PrepareSequences, DecodesHtmlEntitiesAndTrims) {
  const Dataset data =
      prepare(files("a 1 2\n", R"({"1":" Salt &amp; Pepper&#39;s ","2":"&lt;b&gt;"})"));
  EXPECT_EQ(item(data, "1").text, "Salt & Pepper's");
  EXPECT_EQ(item(data, "2").title, "<b>");
}

TEST_F(PrepareSequences, TakesTheFirstFieldAsTitleWhereTextsAreFields) {
  const Dataset fields =
      prepare(files("a 1 2 3\n", R"({"1":"Soap ;4.99;Fa","2":";;Fa","3":"Plain"})"));
  EXPECT_EQ(item(fields, "1").title, "Soap");
  EXPECT_EQ(item(fields, "1").text, "Soap ;4.99;Fa");
  EXPECT_EQ(item(fields, "2").title, ";;Fa");
  const Dataset titles =
      prepare(files("a 1 2 3\n", R"({"1":"Steins;Gate","2":"Portal","3":"Halo"})"));
  EXPECT_EQ(item(titles, "1").title, "Steins;Gate");
}

TEST_F(PrepareSequences, ReadsTimesBesideTheEvents) {
  const Dataset data = prepare(files("a 1 2 3\nb 3 1\n", kTexts, "a 10 20 20\nb 50 -1\n"));
  EXPECT_EQ(data.times, (std::vector<std::int64_t>{10, 20, 20, 50, -1}));
  EXPECT_EQ(report.unknown_times, 1U);
  EXPECT_EQ(report.users_out_of_order, 0U);
}

TEST_F(PrepareSequences, CountsUsersOutOfOrderAndKeepsFileOrder) {
  const Dataset data =
      prepare(files("a 1 2 3\nb 3 1\nc 1 2\n", kTexts, "a 30 -1 20\nb 1 2\nc 5 4\n"));
  EXPECT_EQ(report.users_out_of_order, 2U);
  EXPECT_EQ(ids_of(data, 0), (Ids{"1", "2", "3"}));
  EXPECT_EQ(data.times[2], 20);
}

TEST_F(PrepareSequences, RenumbersItemsByASeededPermutation) {
  std::string line = "a";
  for (int id = 1; id <= 200; ++id) line += fmt::format(" {}", id);
  const PrepareOptions sources = files(line + "\n", "");
  const Dataset first = prepare(sources, 1);
  EXPECT_EQ(first.events, prepare(sources, 1).events);
  EXPECT_NE(first.events, prepare(sources, 2).events);
  EXPECT_EQ(ids_of(first, 0), ids_of(prepare(sources, 2), 0));

  std::vector<std::int32_t> order = first.events;  // of ids 1 … 200
  EXPECT_FALSE(std::ranges::is_sorted(order));
  std::size_t unmoved = 0;
  double covariance = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    unmoved += order[i] == static_cast<std::int32_t>(i);
    covariance += (static_cast<double>(i) - 99.5) * (order[i] - 99.5);
  }
  EXPECT_LT(unmoved, 8U);
  EXPECT_LT(std::abs(covariance / (200.0 * 200.0 * 200.0 / 12.0)), 0.25);
  std::ranges::sort(order);
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<std::int32_t>(i));
}

TEST_F(PrepareSequences, NamesTheLineOfBadInteractions) {
  const std::string path = (temp.path() / "interactions.txt").string();
  const auto expect_line = [&](const std::string& lines, const char* line, std::string_view part) {
    expect_refused(files(lines), {path + line, part});
  };
  expect_line("a 1 2\nb\n", ":2:", "no items");
  expect_line("a 1 2\n\nb 1\n", ":2:", "no items");
  expect_line("\n", ":1:", "no items");
  expect_line("a 1 2\nb 1 x2\n", ":2:", "'x2'");
  expect_line("a 1 2.5\n", ":1:", "'2.5'");
  expect_line("a 1 2\0\n"s, ":1:", "item '2");
  expect_line("a 1 99999999999999999999\n", ":1:", "'99999999999999999999'");
  expect_line("a 1\nb 1 0\n", ":2:", "item id 0");
  expect_line("a 1\nb 1\nc 1 -3\n", ":3:", "item id -3");
  expect_line("a 1\nb 6\n", ":2:", "item id 6 is above the catalogue");
  expect_line("a 1\nb 1\r\na 2\n", ":3:", "'a'");
}

TEST_F(PrepareSequences, NamesInteractionsThatAreMissingOrEmpty) {
  expect_refused(files(""), {(temp.path() / "interactions.txt").string(), "empty"});
  PrepareOptions sources = files("a 1\n");
  sources.interactions = {temp.path() / "nowhere.txt"};
  expect_refused(sources, {"nowhere.txt", "cannot open"});
  sources.interactions = {temp.path()};
  expect_refused(sources, {temp.path().string(), "directory"});
}

TEST_F(PrepareSequences, RefusesIdsThatNoCatalogueHolds) {
  expect_refused(files("a 1 3000000000\n", ""), {":1:", "3000000000", "above the catalogue"});
}

TEST_F(PrepareSequences, NamesWhatIsWrongWithItemText) {
  const std::string path = (temp.path() / "item_text.json").string();
  const auto expect_text = [&](const std::string& json, std::string_view part) {
    expect_refused(files("a 1\n", json), {path, part});
  };
  expect_text(" \n", "empty");
  expect_text("{\"1\": \"one\",\n\"2\"", ":2:");
  expect_text("[\"one\"]", "one JSON object");
  expect_text("{}", "no item");
  expect_text(R"({"1": 5})", "key '1'");
  expect_text(R"({"1": null})", "key '1'");
  expect_text(R"({"x1": "one"})", "key 'x1'");
  expect_text(R"({"0": "none"})", "key '0'");
  expect_text(R"({"1": "one", "01": "uno"})", "item 1");
  PrepareOptions sources = files("a 1\n");
  sources.item_text = temp.path() / "nowhere.json";
  expect_refused(sources, {"nowhere.json", "cannot open"});
}

TEST_F(PrepareSequences, NamesTheLineOfTimesThatDoNotMatch) {
  const std::string path = (temp.path() / "timestamps.txt").string();
  const auto expect_times = [&](const std::string& times, const char* line, std::string_view part) {
    expect_refused(files("a 1 2\nb 3 1\n", kTexts, times), {path + line, part});
  };
  expect_times("a 1 2\n", ":", "1 lines for 2 users");
  expect_times("a 1 2\nb 1 2\nc 1\n", ":3:", "more lines");
  expect_times("b 1 2\na 1 2\n", ":1:", "user 'a'");
  expect_times("a 1 2\n\nb 1 2\n", ":2:", "user 'b'");
  expect_times("a 1 2\nb 1\n", ":2:", "1 times for 2 events");
  expect_times("a 1 2 3\nb 1 2\n", ":1:", "3 times for 2 events");
  expect_times("a 1 x\nb 1 2\n", ":1:", "'x'");
  expect_times("a 1 2\nb 1 1e300\n", ":2:", "time '1e300'");
  PrepareOptions sources = files("a 1\n");
  sources.timestamps = put("timestamps.txt", "");
  expect_refused(sources, {path, "0 lines for 1 users"});
}

TEST_F(PrepareSequences, HidesTheOrderOfAppearanceInBeauty) {
  const fs::path beauty = fs::path(TESSERA_SHARED_DIR) / "data/beauty";
  if (!fs::exists(beauty)) GTEST_SKIP() << "needs " << beauty;
  PrepareOptions options;
  options.interactions = {beauty / "interactions.txt"};
  options.item_text = beauty / "item_text.json";
  options.timestamps = beauty / "timestamps.txt";
  const Dataset data = prepare(options);
  EXPECT_EQ(data.users(), 22'363U);
  EXPECT_EQ(data.items.size(), 12'101U);
  EXPECT_EQ(data.events.size(), 198'502U);
  EXPECT_EQ(report.unknown_times, 287U);
  EXPECT_EQ(report.items_without_events, 0U);
  // Items first met last stand near the largest number met so far in the file, not in the dataset.
  double nearness = 0.0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = history_before(data, u, Split::test);
    nearness += std::abs(target_of(data, u, Split::test) - *std::ranges::max_element(history));
  }
  EXPECT_GT(nearness / static_cast<double>(data.users()), 4'000.0);
}

}  // namespace
}  // namespace tessera
