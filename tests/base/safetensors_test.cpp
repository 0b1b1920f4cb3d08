// The safetensors format: round trips, and headers that lie.
#include "base/safetensors.h"

#include <gtest/gtest.h>

#include "base/half.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class SafeTensorsFile : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "model.safetensors";

  void write_raw(const std::string& header, const std::string& body) const {
    std::string content(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(content.data(), &length, 8);
    write_file(file, content + header + body);
  }
  void expect_refused(std::initializer_list<std::string_view> parts) const {
    expect_error([&] { SafeTensors{file}; }, parts);
    expect_error([&] { SafeTensors{file}; }, {file.string()});
  }
};

TEST_F(SafeTensorsFile, TensorsAndMetadataSurviveTheRoundTrip) {
  const Matrix a = testing::random_matrix(7, 17, 1), b = testing::random_matrix(1, 33, 2);
  const std::vector<std::int64_t> numbers = {3, -1, std::numeric_limits<std::int64_t>::max()};
  write_safetensors(file,
                    {{"a", as_tensor(a)},
                     {"b.c", as_tensor(b)},
                     {"numbers", {"I64", {3}, std::as_bytes(std::span(numbers))}}},
                    {{"epoch", "7"}});
  const SafeTensors read(file);
  EXPECT_EQ(read.tensors().size(), 3U);
  EXPECT_TRUE(testing::same_bits(read.matrix("a", 7, 17).span(), a.span()));
  EXPECT_TRUE(testing::same_bits(read.matrix("b.c").span(), b.span()));
  EXPECT_EQ(read.at("a").shape, (std::vector<std::size_t>{7, 17}));
  EXPECT_EQ(read.integers("numbers"), numbers);
  EXPECT_EQ(read.metadata().at("epoch"), "7");
  EXPECT_TRUE(read.contains("a"));
  EXPECT_FALSE(read.contains("c"));
}

TEST_F(SafeTensorsFile, EmptyTensorsKeepTheirShape) {
  const Matrix none(0, 64);
  write_safetensors(file, {{"none", as_tensor(none)}});
  EXPECT_EQ(SafeTensors(file).matrix("none").cols(), 64U);
  const Matrix thin(1000, 0), some = testing::random_matrix(1, 2, 1);
  write_safetensors(file, {{"some", as_tensor(some)}, {"thin", as_tensor(thin)}});
  EXPECT_EQ(SafeTensors(file).matrix("thin").rows(), 1000U);
}

TEST_F(SafeTensorsFile, AMovedFileKeepsItsTensors) {
  static_assert(!std::is_copy_constructible_v<SafeTensors>, "tensors look into their own file");
  const Matrix a = testing::random_matrix(7, 17, 1);
  write_safetensors(file, {{"a", as_tensor(a)}});
  auto first = std::make_unique<SafeTensors>(file);
  const SafeTensors second = std::move(*first);
  first.reset();
  EXPECT_TRUE(testing::same_bits(second.matrix("a").span(), a.span()));
}

TEST_F(SafeTensorsFile, DataStartsAtAMultipleOf8AsTheFormatAsks) {
  write_safetensors(file, {{"a", as_tensor(testing::random_matrix(7, 17, 1))}});
  EXPECT_EQ((read_file(file).size() - 7 * 17 * sizeof(float)) % 8, 0U);
}

TEST_F(SafeTensorsFile, WhatIsAskedForMustFit) {
  const Matrix a = testing::random_matrix(7, 17, 1);
  const std::vector<std::int64_t> numbers = {1};
  const Tensor number{"I64", {1}, std::as_bytes(std::span(numbers))};
  write_safetensors(file, {{"a", as_tensor(a)}, {"n", number}});
  const SafeTensors read(file);
  expect_error([&] { read.matrix("missing"); }, {file.string(), "missing"});
  expect_error([&] { read.matrix("a", 7, 16); }, {file.string(), "'a'", "7 × 17", "7 × 16"});
  expect_error([&] { read.matrix("n"); }, {file.string(), "'n'", "F32"});
  expect_error([&] { read.integers("a"); }, {file.string(), "'a'", "I64"});
}

TEST_F(SafeTensorsFile, OtherFloatTypesBecomeSinglePrecision) {
  const Half half[] = {static_cast<Half>(1.5F), static_cast<Half>(-0.125F)};
  const std::uint16_t upper[] = {0x3fc0, 0xbe00};  // of 1.5F and -0.125F
  const double wide[] = {1.5, -0.125};
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  write_safetensors(file, {{"F16", {"F16", {2}, bytes(half)}},
                           {"BF16", {"BF16", {1, 2}, bytes(upper)}},
                           {"F64", {"F64", {2, 1}, bytes(wide)}}});
  const SafeTensors read(file);
  for (const char* name : {"F16", "BF16", "F64"}) {
    const Matrix values = read.matrix(name);
    ASSERT_EQ(values.size(), 2U) << name;
    EXPECT_EQ(values.span()[0], 1.5F) << name;
    EXPECT_EQ(values.span()[1], -0.125F) << name;
  }
}

TEST_F(SafeTensorsFile, WhatIsCutShortIsRefused) {
  const Matrix a = testing::random_matrix(7, 17, 1);
  write_safetensors(file, {{"a", as_tensor(a)}});
  const std::string whole = read_file(file);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, std::size_t{20}, whole.size() - 100, whole.size() - 1}) {
    write_file(file, whole.substr(0, length));
    expect_refused({"cut short"});
  }
}

TEST_F(SafeTensorsFile, AHeaderThatIsNotOneIsRefused) {
  const std::string body(8, '\0');
  for (const std::string header :
       {"", "not json", "[1, 2]", R"({"a": 5})", R"({"a": {"dtype": "F32"}})",
        R"({"a": {"dtype": 32, "shape": [2], "data_offsets": [0, 8]}})",
        R"({"a": {"dtype": "F32", "shape": ["2"], "data_offsets": [0, 8]}})",
        R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}})",
        R"({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})",
        R"({"a": {"dtype": "F32", "shape": [2e88], "data_offsets": [0, 8]}})",
        R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, -8]}})",
        R"({"__metadata__": 3})"}) {
    SCOPED_TRACE(header);
    write_raw(header, body);
    expect_refused({"header cannot be read"});
  }
  write_raw(R"({"a": {"dtype": "F31", "shape": [2], "data_offsets": [0, 8]}})", body);
  expect_refused({"unknown type F31"});
  std::string lie(16, '\xff');  // a header of 2^64 - 1 bytes
  write_file(file, lie);
  expect_refused({"header is cut short"});
}

TEST_F(SafeTensorsFile, ShapesThatDoNotMatchTheirBytesAreRefused) {
  const auto write_shape = [&](const std::string& shape) {
    write_raw(R"({"a": {"dtype": "F32", "shape": )" + shape + R"(, "data_offsets": [0, 8]}})",
              std::string(8, '\0'));
  };
  // The last two have sizes in bytes that wrap around to 8 and to 0.
  for (const std::string shape : {"[3]", "[1]", "[]", "[1000000, 1000000]", "[0, 9]",
                                  "[4611686018427387906]", "[4294967296, 4294967296]"}) {
    SCOPED_TRACE(shape);
    write_shape(shape);
    expect_refused({"tensor a has the wrong size"});
  }
  write_shape("[1, 2]");
  EXPECT_EQ(SafeTensors(file).matrix("a").cols(), 2U);
}

TEST_F(SafeTensorsFile, TensorsThatOverlapLeaveHolesOrRunOutAreRefused) {
  const auto write_two = [&](const std::string& first, const std::string& second) {
    const std::string head = R"({"dtype": "F32", "shape": [2], "data_offsets": )";
    write_raw(R"({"a": )" + head + first + R"(}, "b": )" + head + second + "}}",
              std::string(16, '\0'));
  };
  for (const auto& [first, second, what] : {std::tuple{"[0, 8]", "[4, 12]", "overlap"},
                                            {"[0, 8]", "[0, 8]", "overlap"},
                                            {"[4, 12]", "[8, 16]", "overlap"},
                                            {"[0, 8]", "[12, 20]", "cut short"},
                                            {"[8, 0]", "[8, 16]", "cut short"},
                                            {"[-8, 0]", "[8, 16]", "cannot be read"}}) {
    SCOPED_TRACE(::testing::Message() << first << " and " << second);
    write_two(first, second);
    expect_refused({what});
  }
  write_raw(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})",
            std::string(12, '\0'));
  expect_refused({"belong to no tensor"});
  write_two("[8, 16]", "[0, 8]");
  EXPECT_EQ(SafeTensors(file).tensors().size(), 2U);
}

TEST(AsTensor, StridedRowsAreAMistakeOfTheCaller) {
  const Matrix matrix = testing::random_matrix(7, 17, 1);
  EXPECT_THROW(as_tensor(matrix.view().col_block(1, 3)), std::logic_error);
}

}  // namespace
}  // namespace tessera
