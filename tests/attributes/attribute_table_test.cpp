#include "attributes/attribute_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attributes/attribute_values.h"
#include "base/files.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::TempDirectory;

using Labels = std::vector<std::string>;

AttributeTable small_table() {
  AttributeTable table({{"brand", AttributeType::labels},
                        {"price", AttributeType::number},
                        {"in_stock", AttributeType::boolean},
                        {"published", AttributeType::time}});
  table.set(0, 0, Labels{"x", "a", "x"});
  table.set(1, 2, 19.99);
  table.set(2, 1, false);
  table.set(3, 1, Labels{"2026-01-31"});
  return table;
}

TEST(AttributeTable, GivesBackWhatWasSetAndNothingElse) {
  const AttributeTable table = small_table();
  EXPECT_EQ(table.value(0, 0), AttributeValue(Labels{"a", "x"}));
  EXPECT_EQ(table.value(1, 2), AttributeValue(19.99));
  EXPECT_EQ(table.value(2, 1), AttributeValue(false));
  EXPECT_EQ(table.value(3, 1), AttributeValue(1769817600.0));
  for (const std::size_t attribute : {0, 1, 2, 3}) {
    EXPECT_EQ(table.value(attribute, 7), AttributeValue()) << attribute;
  }
}

TEST(AttributeTable, IsTheSameAfterWritingAndReading) {
  const TempDirectory directory;
  const fs::path file = directory.path() / "attributes.safetensors";
  const AttributeTable table = small_table();
  table.write(file, 5);
  const AttributeTable read = AttributeTable::read(file, 5);
  EXPECT_EQ(read.schema(), table.schema());
  for (std::size_t attribute = 0; attribute < 4; ++attribute) {
    for (std::int32_t item = 0; item < 5; ++item) {
      EXPECT_EQ(read.value(attribute, item), table.value(attribute, item));
    }
  }
  EXPECT_THROW(AttributeTable::read(file, 6), Error);
}

TEST(AttributeTable, RefusesValuesOfAnotherType) {
  AttributeTable table = small_table();
  expect_error([&] { table.set(1, 0, Labels{"cheap"}); }, {"'price' is of type number"});
  expect_error([&] { table.set(1, 0, std::nan("")); }, {"'price'"});
  expect_error([&] { table.set(2, 0, 1.0); }, {"'in_stock'"});
  expect_error([&] { table.set(0, 0, true); }, {"'brand'"});
  expect_error([&] { table.set(3, 0, Labels{"soon"}); }, {"'published' holds times"});
  expect_error([&] { table.number_of("prise"); }, {"did you mean 'price'?"});
}

TEST(AttributeValues, AreReadFromTextsAsFilesWriteThem) {
  const auto value = [](AttributeType type, const char* text, bool list = false) {
    return value_of_text({"a", type}, text, list);
  };
  EXPECT_EQ(value(AttributeType::labels, " tea | gifts|"), AttributeValue(Labels{"gifts", "tea"}));
  EXPECT_EQ(value(AttributeType::labels, "tea, gifts", true),
            AttributeValue(Labels{"gifts", "tea"}));
  EXPECT_EQ(value(AttributeType::labels, "tea, gifts"), AttributeValue(Labels{"tea, gifts"}));
  EXPECT_EQ(value(AttributeType::number, "4.5"), AttributeValue(4.5));
  EXPECT_EQ(value(AttributeType::boolean, "Yes"), AttributeValue(true));
  EXPECT_EQ(value(AttributeType::time, "1970-01-02"), AttributeValue(86400.0));
  EXPECT_EQ(value(AttributeType::number, "  "), AttributeValue());
  expect_error([&] { value(AttributeType::number, "4,5"); }, {"cannot hold '4,5'"});
}

TEST(AttributeValues, TypesAreGuessedByWhatStandsThere) {
  const auto guess = [](std::vector<std::string> texts) { return guess_attribute_type(texts); };
  EXPECT_EQ(guess({"4.5", "", "10"}), AttributeType::number);
  EXPECT_EQ(guess({"true", "false"}), AttributeType::boolean);
  EXPECT_EQ(guess({"2026-01-31", "2025-12-01"}), AttributeType::time);
  EXPECT_EQ(guess({"4.5", "n/a"}), AttributeType::labels);
  EXPECT_EQ(guess({}), AttributeType::labels);
}

TEST(AttributeValues, AreReadFromJson) {
  const AttributeValues values =
      attribute_values_from_json(R"({"price": 4.5, "ok": true, "c": ["b", "a"], "d": null})");
  const AttributeValues expected = {
      {"c", Labels{"b", "a"}}, {"d", {}}, {"ok", true}, {"price", 4.5}};
  EXPECT_EQ(values, expected);
  expect_error([&] { attribute_values_from_json(R"({"price": {"is": 4}})"); }, {"'price'"});
  expect_error([&] { attribute_values_from_json("[1]"); }, {"give an object"});
}

}  // namespace
}  // namespace tessera
