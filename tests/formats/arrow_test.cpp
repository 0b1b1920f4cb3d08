#include "formats/arrow.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;

/// A column as Arrow lays it out; children and dictionary are columns, too.
struct Column {
  std::string name, format;
  std::int64_t length = 0;
  std::vector<const void*> buffers;  // validity bits first
  std::int64_t offset = 0;
  std::vector<Column> children = {};
  std::vector<Column> dictionary = {};  // none or one
};

/// A stream that gives the same columns as so many batches, and counts what is released.
class Stream {
 public:
  Stream(std::vector<Column> columns, int batches, int error = 0)
      : batches_(batches), error_(error) {
    root_ = {"", "+s", columns.empty() ? 0 : columns[0].length, {nullptr}, 0, std::move(columns)};
    stream.private_data = this;
    stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
      auto& all = *static_cast<Stream*>(self->private_data);
      *out = all.schema(all.root_);
      out->private_data = &all;
      out->release = [](ArrowSchema* schema) {
        ++static_cast<Stream*>(schema->private_data)->schemas_released;
        schema->release = nullptr;
      };
      return 0;
    };
    stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
      auto& all = *static_cast<Stream*>(self->private_data);
      *out = {};
      if (all.batches_-- == 0) return all.error_;
      *out = all.array(all.root_);
      out->private_data = &all;
      out->release = [](ArrowArray* array) {
        ++static_cast<Stream*>(array->private_data)->arrays_released;
        array->release = nullptr;
      };
      return 0;
    };
    stream.get_last_error = [](ArrowArrayStream*) { return "the disk is on fire"; };
    stream.release = [](ArrowArrayStream* self) {
      ++static_cast<Stream*>(self->private_data)->streams_released;
      self->release = nullptr;
    };
  }

  ArrowArrayStream stream{};
  int schemas_released = 0, arrays_released = 0, streams_released = 0;

 private:
  ArrowSchema schema(const Column& column) {
    ArrowSchema made{};
    made.format = column.format.c_str();
    made.name = column.name.c_str();
    auto& pointers = schema_pointers_.emplace_back();
    for (const Column& child : column.children) {
      pointers.push_back(&schemas_.emplace_back(schema(child)));
    }
    made.n_children = static_cast<std::int64_t>(pointers.size());
    made.children = pointers.data();
    if (!column.dictionary.empty()) {
      made.dictionary = &schemas_.emplace_back(schema(column.dictionary[0]));
    }
    return made;
  }
  ArrowArray array(const Column& column) {
    ArrowArray made{};
    made.length = column.length;
    made.null_count = -1;
    made.offset = column.offset;
    auto& buffers = buffers_.emplace_back(column.buffers);
    made.n_buffers = static_cast<std::int64_t>(buffers.size());
    made.buffers = buffers.data();
    auto& pointers = array_pointers_.emplace_back();
    for (const Column& child : column.children) {
      pointers.push_back(&arrays_.emplace_back(array(child)));
    }
    made.n_children = static_cast<std::int64_t>(pointers.size());
    made.children = pointers.data();
    if (!column.dictionary.empty()) {
      made.dictionary = &arrays_.emplace_back(array(column.dictionary[0]));
    }
    return made;
  }

  Column root_;
  int batches_, error_;
  std::deque<ArrowSchema> schemas_;
  std::deque<ArrowArray> arrays_;
  std::deque<std::vector<ArrowSchema*>> schema_pointers_;
  std::deque<std::vector<ArrowArray*>> array_pointers_;
  std::deque<std::vector<const void*>> buffers_;
};

/// "text" of every wanted value, "-" where it is absent, a string a row.
std::vector<std::string> rows_of(Stream& source, const std::vector<std::string>& wanted) {
  std::vector<std::string> rows;
  ArrowTable table("table", source.stream);
  BadRecords none;
  table.read(wanted, none, [&](std::span<const Value> row) {
    std::string& line = rows.emplace_back();
    for (const Value& value : row) {
      if (!line.empty()) line += '|';
      line += value.kind == Value::Kind::absent ? "-" : value.text;
    }
  });
  return rows;
}

constexpr std::array<std::int32_t, 4> kNumbers = {7, -1, 12, 2000000000};
constexpr std::array<double, 4> kFloats = {0.5, 1e20, std::numeric_limits<double>::quiet_NaN(), 3};
constexpr std::array<std::uint8_t, 1> kSecondIsNull = {0b1101};
constexpr std::array<std::int32_t, 5> kOffsets = {0, 3, 3, 5, 9};
constexpr std::string_view kBytes = "oneabfour";

std::vector<Column> some_columns() {
  return {{"n", "i", 4, {nullptr, kNumbers.data()}},
          {"x", "g", 4, {nullptr, kFloats.data()}},
          {"s", "u", 4, {kSecondIsNull.data(), kOffsets.data(), kBytes.data()}}};
}

TEST(Arrow, GivesRowsOfTheWantedColumnsBatchByBatch) {
  Stream source(some_columns(), 2);
  const std::vector<std::string> once = {"one|7|-|0.5", "-|-1|-|100000000000000000000.0",
                                         "ab|12|-|-", "four|2000000000|-|3.0"};
  std::vector<std::string> expected = once;
  expected.insert(expected.end(), once.begin(), once.end());
  EXPECT_EQ(rows_of(source, {"s", "n", "", "x"}), expected);
  EXPECT_EQ(source.arrays_released, 2);
  EXPECT_EQ(source.schemas_released, 1);
  EXPECT_EQ(source.streams_released, 1);
}

TEST(Arrow, CountsFromTheOffsetsOfArrays) {
  std::vector<Column> columns = some_columns();
  for (Column& column : columns) {
    column.offset = 1;
    column.length = 3;
  }
  Stream source(columns, 1);
  EXPECT_EQ(rows_of(source, {"s", "n"}),
            (std::vector<std::string>{"-|-1", "ab|12", "four|2000000000"}));
}

TEST(Arrow, ReadsDictionariesListsAndViews) {
  constexpr std::array<std::uint8_t, 3> kIndices = {2, 0, 3};
  constexpr std::array<std::int32_t, 4> kLists = {0, 2, 2, 4};
  const std::string far = "a text of more than twelve bytes";
  std::array<std::array<char, 16>, 3> views{};
  views[0] = {3, 0, 0, 0, 't', 'e', 'a'};
  views[1] = {static_cast<char>(far.size()), 0, 0, 0, 'a', ' ', 't', 'e', 0, 0, 0, 0, 0, 0, 0, 0};
  const Column words = {"item", "u", 4, {kSecondIsNull.data(), kOffsets.data(), kBytes.data()}};
  Stream source({{"d", "C", 3, {nullptr, kIndices.data()}, 0, {}, {words}},
                 {"l", "+l", 3, {nullptr, kLists.data()}, 0, {words}},
                 {"v", "vu", 3, {nullptr, views.data(), far.data()}}},
                1);
  EXPECT_EQ(rows_of(source, {"d", "l", "v"}),
            (std::vector<std::string>{"ab|one|tea", "one||" + far, "four|ab, four|"}));
}

TEST(Arrow, WritesTimesOutAsDates) {
  constexpr std::array<std::int64_t, 3> kTimes = {0, -1, 1'400'000'000'123'456};
  constexpr std::array<std::int32_t, 3> kDays = {0, 16274, -1};
  Stream source(
      {{"t", "tsu:UTC", 3, {nullptr, kTimes.data()}}, {"d", "tdD", 3, {nullptr, kDays.data()}}}, 1);
  EXPECT_EQ(rows_of(source, {"t", "d"}),
            (std::vector<std::string>{"1970-01-01T00:00:00.000Z|1970-01-01T00:00:00.000Z",
                                      "1969-12-31T23:59:59.999Z|2014-07-23T00:00:00.000Z",
                                      "2014-05-13T16:53:20.123Z|1969-12-31T00:00:00.000Z"}));
}

TEST(Arrow, NamesTheRowOfABadRecord) {
  Stream source(some_columns(), 2);
  ArrowTable table("events", source.stream);
  BadRecords bad{.allowed = 1};
  const auto read = [&] {
    table.read(std::vector<std::string>{"s"}, bad, [](std::span<const Value> row) {
      if (row[0].kind == Value::Kind::absent) fail("nothing there");
    });
  };
  expect_error(read, {"events: row 5: nothing there"});
  EXPECT_EQ(bad.first, "events: row 1: nothing there");
  EXPECT_EQ(source.arrays_released, 2);
}

TEST(Arrow, RefusesWhatItCannotRead) {
  Stream failing(some_columns(), 1, 5);
  expect_error([&] { rows_of(failing, {"n"}); }, {"table", "rows cannot be read", "on fire"});
  EXPECT_EQ(failing.streams_released, 1);

  Stream binary({{"b", "d:38,2", 0, {nullptr, kOffsets.data(), kBytes.data()}}}, 1);
  expect_error([&] { rows_of(binary, {"b"}); }, {"column 'b'", "type decimal"});
  EXPECT_EQ(binary.streams_released, 1);

  Stream twice({some_columns()[0], some_columns()[0]}, 1);
  expect_error([&] { rows_of(twice, {"n"}); }, {"two columns are called 'n'"});
  EXPECT_EQ(twice.streams_released, 1);

  Stream once(some_columns(), 1);
  ArrowTable table("table", once.stream);
  BadRecords none;
  const auto read = [&] {
    table.read(std::vector<std::string>{"n"}, none, [](std::span<const Value>) {});
  };
  read();
  expect_error(read, {"were read already"});
}

}  // namespace
}  // namespace tessera
