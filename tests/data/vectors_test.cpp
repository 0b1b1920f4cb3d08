#include "data/vectors.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/npy.h"
#include "base/safetensors.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

/// Items i0, i1, i2 and a file of their vectors.
class Vectors : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const std::vector<CatalogueItem> items = testing::dataset_of({}, 3).items;
  const fs::path file = directory.path() / "rows";
  const fs::path ids = directory.path() / "ids.txt";

  void expect_rows(const ItemVectors& vectors, const std::vector<float>& expected) const {
    ASSERT_EQ(vectors.rows.rows(), 3U);
    const std::span<const float> made = vectors.rows.span();
    EXPECT_EQ(std::vector<float>(made.begin(), made.end()), expected);
  }
  ItemVectors read_jsonl(std::string_view content) const {
    write_file(file, content);
    return read_jsonl_vectors(file, items);
  }
  void refuse_jsonl(std::string_view content, std::initializer_list<std::string_view> parts) const {
    SCOPED_TRACE(content);
    expect_error([&] { read_jsonl(content); }, parts);
  }
};

TEST_F(Vectors, OfJsonLinesComeInAnyOrderAndMayBeMissing) {
  const ItemVectors vectors = read_jsonl(
      "{\"id\": \"i2\", \"vector\": [1, 2.5]}\r\n\n"
      "{\"title\": {\"vector\": 7}, \"embedding\": [-3e0, 4], \"id\": \"i0\"}");
  expect_rows(vectors, {-3, 4, 0, 0, 1, 2.5});
  EXPECT_EQ(vectors.without_vector, 1U);
}

TEST_F(Vectors, OfJsonLinesTakeNumbersAsIds) {
  std::vector<CatalogueItem> numbered = items;
  numbered[1].id = "17";
  write_file(file, R"({"id": 17, "vector": [5]})");
  EXPECT_EQ(read_jsonl_vectors(file, numbered).rows[1][0], 5.0F);
}

TEST_F(Vectors, OfJsonLinesAreRefusedByTheirLine) {
  const std::string good = "{\"id\": \"i0\", \"vector\": [1, 2]}\n";
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, 2}", {"rows:2:", "not a JSON object"});
  refuse_jsonl(good + "[1]", {"rows:2:", "not a JSON object"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1]} x", {"rows:2:", "not a JSON object"});
  refuse_jsonl(good + std::string("{\"id\": \"i\0\", \"vector\": [1]}", 27), {"rows:2:"});
  refuse_jsonl(good + "{\"id\": \"i\xff\", \"vector\": [1]}", {"rows:2:", "not a JSON object"});
  refuse_jsonl(good + "{\"vector\": [1, 2]}", {"rows:2:", "'id' is missing"});
  refuse_jsonl(good + "{\"id\": 1.5, \"vector\": [1, 2]}", {"rows:2:", "'id'", "whole number"});
  refuse_jsonl(good + "{\"id\": \"i1\"}", {"rows:2:", "'vector'", "array"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": 5}", {"rows:2:", "'vector'", "array"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, \"2\"]}", {"rows:2:", "not a number"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, null]}", {"rows:2:", "not a number"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, 2, 3]}", {"rows:2:", "3 numbers", "2"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, 1e39]}", {"rows:2", "Inf"});
  refuse_jsonl(good + "{\"id\": \"i1\", \"vector\": [1, NaN]}", {"rows:2:", "not a JSON object"});
  refuse_jsonl(good + "{\"id\": \"who\", \"vector\": [1, 2]}", {"rows:2:", "'who'", "catalogue"});
  refuse_jsonl(good + good, {"rows:2:", "'i0'", "already"});
  refuse_jsonl("{\"id\": \"i0\", \"vector\": []}", {"rows:1:", "no columns"});
  refuse_jsonl("", {"rows", "no vectors"});
  refuse_jsonl("\x1f\x8b", {"rows", "compressed"});
}

TEST_F(Vectors, OfJsonLinesMayBeDeepOrLong) {
  refuse_jsonl(std::string(5000, '['), {"rows:1:", "not a JSON object"});
  std::string line = "{\"id\": \"i0\", \"vector\": [0";
  for (int i = 0; i < 100'000; ++i) line += ", 1";
  EXPECT_EQ(read_jsonl(line + "]}").rows.cols(), 100'001U);
}

TEST_F(Vectors, OfSafetensorsAreNamedByTheirItems) {
  const std::vector<float> first = {1, 2}, second = {3, 4};
  const auto vector = [](const std::vector<float>& values) {
    return Tensor{"F32", {values.size()}, std::as_bytes(std::span(values))};
  };
  write_safetensors(file, {{"i1", vector(first)}, {"i0", vector(second)}});
  const ItemVectors vectors = read_safetensors_vectors(file, "", items);
  expect_rows(vectors, {3, 4, 1, 2, 0, 0});
  EXPECT_EQ(vectors.without_vector, 1U);

  const auto refused = [&](const std::map<std::string, Tensor>& tensors,
                           std::initializer_list<std::string_view> parts) {
    write_safetensors(file, tensors);
    expect_error([&] { read_safetensors_vectors(file, "", items); }, parts);
  };
  refused({{"i1", vector(first)}, {"who", vector(second)}}, {"rows", "'who'", "catalogue"});
  const std::vector<float> longer = {1, 2, 3}, bad = {1, std::numeric_limits<float>::quiet_NaN()};
  refused({{"i1", vector(first)}, {"i2", vector(longer)}}, {"rows", "'i2'", "3 numbers"});
  refused({{"i1", vector(bad)}}, {"rows", "'i1'", "NaN"});
  refused({{"i1", {"F32", {1, 2}, vector(first).bytes}}, {"i0", vector(second)}},
          {"rows", "'i1'", "2 dimensions"});
  refused({{"i1", {"I32", {2}, vector(first).bytes}}}, {"rows", "'i1'", "F32"});
  refused({}, {"rows", "no vectors"});
  write_file(file, "not safetensors");
  expect_error([&] { read_safetensors_vectors(file, "", items); }, {"rows", "damaged"});
}

TEST_F(Vectors, OfAMatrixBelongToTheLinesOfIdsOrOfTheCatalogue) {
  Matrix rows(2, 2);
  std::ranges::copy(std::vector<float>{1, 2, 3, 4}, rows.span().begin());
  write_file(ids, "i2\ni0\n");
  write_safetensors(file, {{"any", as_tensor(rows)}});
  expect_rows(read_safetensors_vectors(file, ids, items), {3, 4, 0, 0, 1, 2});
  expect_error([&] { read_safetensors_vectors(file, "", items); }, {"rows", "2 rows for 3 items"});
  write_npy(file, rows);
  expect_rows(read_npy_vectors(file, ids, items), {3, 4, 0, 0, 1, 2});
  EXPECT_EQ(read_npy_vectors(file, ids, items).without_vector, 1U);

  write_file(ids, "i2\nwho\n");
  expect_error([&] { read_npy_vectors(file, ids, items); }, {"ids.txt:2:", "'who'"});
  write_file(ids, "i2\ni2\n");
  expect_error([&] { read_npy_vectors(file, ids, items); }, {"rows: row 1", "'i2'", "already"});
  write_file(ids, "i2\n");
  expect_error([&] { read_npy_vectors(file, ids, items); }, {"rows", "2 rows for the 1 ids"});
  write_safetensors(file, {{"a", as_tensor(rows)}, {"b", as_tensor(rows)}});
  expect_error([&] { read_safetensors_vectors(file, ids, items); }, {"rows", "2 tensors", "--ids"});
}

}  // namespace
}  // namespace tessera
