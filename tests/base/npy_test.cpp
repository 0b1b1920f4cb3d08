// The .npy format: round trips, and files that are not what they should be.
#include "base/npy.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class Npy : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "array.npy";

  /// A version 1 file with this header text and body.
  void write_raw(const std::string& header, const std::string& body) const {
    std::string content("\x93NUMPY\x01\x00", 8);
    content += static_cast<char>(header.size() & 0xff);
    content += static_cast<char>(header.size() >> 8);
    write_file(file, content + header + body);
  }
  void write_shape(const std::string& shape, const std::string& type, const std::string& body,
                   const std::string& fortran = "False") const {
    write_raw(
        "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': (" + shape + "), }\n",
        body);
  }
  void expect_refused(std::initializer_list<std::string_view> parts) const {
    expect_error([&] { read_npy(file); }, parts);
    expect_error([&] { read_npy(file); }, {file.string()});
  }
};

TEST_F(Npy, MatricesSurviveTheRoundTrip) {
  for (const std::size_t rows : testing::kOddSizes) {
    for (const std::size_t cols : testing::kOddSizes) {
      const Matrix matrix = testing::random_matrix(rows, cols, 1);
      write_npy(file, matrix.view());
      const Matrix read = read_npy(file);
      EXPECT_EQ(read.rows(), rows);
      EXPECT_EQ(read.cols(), cols);
      EXPECT_TRUE(testing::same_bits(read.span(), matrix.span()));
    }
  }
}

TEST_F(Npy, EmptyMatricesKeepTheirShape) {
  for (const auto& [rows, cols] : {std::pair{0U, 7U}, {7U, 0U}, {0U, 0U}}) {
    write_npy(file, Matrix(rows, cols).view());
    const Matrix read = read_npy(file);
    EXPECT_EQ(read.rows(), rows);
    EXPECT_EQ(read.cols(), cols);
  }
}

TEST_F(Npy, SomeRowsAreThoseOfTheWhole) {
  const Matrix whole = testing::random_matrix(10, 3, 1);
  write_npy(file, whole.view());
  for (const RowSelection rows : {RowSelection{1, 3}, {0, 1, 4}, {8, 1, 4}, {9, 5}, {12, 2}}) {
    const Matrix some = read_npy(file, rows);
    std::size_t at = rows.first;
    for (std::size_t i = 0; i < some.rows(); ++i, at += rows.step) {
      EXPECT_TRUE(testing::same_bits(some.view().row(i), whole.view().row(at)));
    }
    EXPECT_TRUE(some.rows() == rows.count || at >= whole.rows()) << "none is left out";
  }
}

TEST_F(Npy, IntegersSurviveTheRoundTrip) {
  const std::vector<std::int32_t> small = {1, -2, std::numeric_limits<std::int32_t>::min()};
  const std::vector<std::int64_t> large = {1, -2, std::numeric_limits<std::int64_t>::max()};
  write_npy(file, std::span(small));
  EXPECT_EQ(read_npy_i32(file), small);
  write_npy(file, std::span(large));
  EXPECT_EQ(read_npy_i64(file), large);
  write_npy(file, std::span<const std::int32_t>());
  EXPECT_TRUE(read_npy_i32(file).empty());
}

TEST_F(Npy, DataStartsAtAMultipleOf64AsTheFormatAsks) {
  write_npy(file, testing::random_matrix(7, 17, 1).view());
  EXPECT_EQ((read_file(file).size() - 7 * 17 * sizeof(float)) % 64, 0U);
}

TEST_F(Npy, DoublesAreConvertedAndOneDimensionIsAColumn) {
  const std::array values = {1.5, -2.25, 1e-3};
  const std::string body(reinterpret_cast<const char*>(values.data()), sizeof(values));
  write_shape("3,", "<f8", body);
  const Matrix read = read_npy(file);
  EXPECT_EQ(read.rows(), 3U);
  EXPECT_EQ(read.cols(), 1U);
  testing::expect_values(read.span(), 1e-9, [&](std::size_t i) { return values[i]; });
}

TEST_F(Npy, TheWideHeaderOfVersion2IsRead) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n";
  std::string content("\x93NUMPY\x02\x00", 8);
  content += static_cast<char>(header.size());
  content += std::string(3, '\0');
  write_file(file, content + header + std::string(8, '\0'));
  EXPECT_EQ(read_npy(file).cols(), 2U);
}

TEST_F(Npy, WhatIsCutShortIsRefused) {
  write_npy(file, testing::random_matrix(7, 17, 1).view());
  const std::string whole = read_file(file);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{9}, std::size_t{50}, whole.size() - 4, whole.size() - 1}) {
    write_file(file, whole.substr(0, length));
    expect_refused({length < 12 ? "not a .npy file" : "cut short"});
  }
}

TEST_F(Npy, FortranOrderIsRefused) {
  write_shape("1, 2", "<f4", std::string(8, '\0'), "True");
  expect_refused({"Fortran", "C-ordered"});
}

TEST_F(Npy, OtherTypesAreRefusedAndNamed) {
  write_shape("1, 2", "<i4", std::string(8, '\0'));
  expect_refused({"<i4", "float32"});
  write_shape("1, 2", ">f4", std::string(8, '\0'));
  expect_refused({">f4", "float32"});
  write_npy(file, std::span<const std::int64_t>(std::array<std::int64_t, 2>{1, 2}));
  expect_error([&] { read_npy_i32(file); }, {file.string(), "<i4"});
}

TEST_F(Npy, ImpossibleShapesAreRefusedWithoutAskingForTheirMemory) {
  const std::string body(8, '\0');
  write_shape("4294967296, 4294967296", "<f4", body);
  expect_refused({"impossible shape"});
  // 2^62 elements of 4 bytes: the size in bytes wraps around to 0.
  write_shape("4611686018427387904, 1", "<f4", body);
  expect_refused({"impossible shape"});
  write_shape("99999999999999999999999, 1", "<f4", body);
  expect_refused({"shape"});
  write_shape("1000000, 1000000", "<f4", body);
  expect_refused({"cut short"});
}

TEST_F(Npy, OtherNumbersOfDimensionsAreRefused) {
  write_shape("", "<f4", std::string(4, '\0'));
  expect_refused({"0 dimensions"});
  write_shape("1, 1, 1", "<f4", std::string(4, '\0'));
  expect_refused({"3 dimensions"});
  write_npy(file, testing::random_matrix(2, 2, 1).view());
  expect_error([&] { read_npy_i32(file); }, {file.string(), "one dimension"});
}

TEST_F(Npy, DamagedHeadersAreRefused) {
  for (const std::string shape : {"x, 2", "-1, 2", "1; 2"}) {
    write_shape(shape, "<f4", std::string(8, '\0'));
    expect_refused({"damaged shape"});
  }
  write_raw("{'shape': (1, 2), }\n", std::string(8, '\0'));
  expect_refused({"damaged header"});
  write_file(file, "one,two\n1,2\n");
  expect_refused({"not a .npy file"});
}

TEST_F(Npy, StridedRowsAreAMistakeOfTheCaller) {
  const Matrix matrix = testing::random_matrix(7, 17, 1);
  EXPECT_THROW(write_npy(file, matrix.view().col_block(1, 3)), std::logic_error);
}

}  // namespace
}  // namespace tessera
