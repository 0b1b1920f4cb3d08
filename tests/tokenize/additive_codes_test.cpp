// The search for codes against looking at every tuple.
#include "tokenize/additive_codes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;

constexpr std::size_t kDims = 6;

// Levels over all columns, or parts with columns of their own, sizes as given.
AdditiveCodes some_codes(bool parts, std::initializer_list<std::size_t> sizes) {
  std::vector<TokenBook> books;
  for (const std::size_t size : sizes) {
    const std::size_t width = parts ? kDims / sizes.size() : kDims;
    books.push_back({Distance::euclidean, parts ? books.size() * width : 0,
                     random_matrix(size, width, 10 + books.size())});
  }
  return AdditiveCodes(std::move(books), kDims);
}

float error_of(const AdditiveCodes& codes, const std::vector<std::int32_t>& tuple,
               std::span<const float> z) {
  std::vector<float> sum(kDims);
  codes.decode(tuple, codes.levels(), sum);
  double error = 0.0;
  for (std::size_t d = 0; d < kDims; ++d) error += std::pow(double{z[d]} - sum[d], 2);
  return static_cast<float>(error);
}

// Every tuple of three codebooks, nearest first.
std::vector<CodeTuple> every_tuple(const AdditiveCodes& codes, std::span<const float> z) {
  std::vector<CodeTuple> all;
  for (std::int32_t a = 0; a < static_cast<std::int32_t>(codes.codes(0)); ++a) {
    for (std::int32_t b = 0; b < static_cast<std::int32_t>(codes.codes(1)); ++b) {
      for (std::int32_t c = 0; c < static_cast<std::int32_t>(codes.codes(2)); ++c) {
        all.push_back({{a, b, c}, error_of(codes, {a, b, c}, z)});
      }
    }
  }
  std::ranges::sort(all, {}, &CodeTuple::error);
  return all;
}

TEST(AdditiveCodes, AWideBeamFindsEveryTupleInTheOrderOfErrors) {
  for (const bool parts : {false, true}) {
    const AdditiveCodes codes = some_codes(parts, {4, 3, 5});
    const Matrix z = random_matrix(5, kDims, 3);
    for (std::size_t i = 0; i < z.rows(); ++i) {
      const std::vector<CodeTuple> all = every_tuple(codes, z.view().row(i));
      const std::vector<CodeTuple> found = codes.nearest(z.view().row(i), 60);
      ASSERT_EQ(found.size(), all.size());
      for (std::size_t t = 0; t < all.size(); ++t) {
        EXPECT_NEAR(found[t].error, all[t].error, 1e-4F);
        EXPECT_NEAR(error_of(codes, found[t].codes, z.view().row(i)), found[t].error, 1e-4F);
      }
    }
  }
}

TEST(AdditiveCodes, ABeamOfOneTakesTheNearestRowOfWhatIsLeft) {
  const AdditiveCodes codes = some_codes(false, {4, 3, 5});
  const Matrix z = random_matrix(40, kDims, 4);
  std::vector<std::int32_t> found(z.rows() * 3);
  codes.encode(z, 1, {found.data(), z.rows(), 3});
  for (std::size_t i = 0; i < z.rows(); ++i) {
    std::vector<float> left(z[i], z[i] + kDims);
    for (std::size_t l = 0; l < 3; ++l) {
      const Matrix& rows = codes.books()[l].rows;
      const auto gap = [&](std::size_t c) {
        double sum = 0.0;
        for (std::size_t d = 0; d < kDims; ++d) sum += std::pow(double{left[d]} - rows[c][d], 2);
        return sum;
      };
      std::size_t best = 0;
      for (std::size_t c = 1; c < rows.rows(); ++c) best = gap(c) < gap(best) ? c : best;
      EXPECT_EQ(found[i * 3 + l], static_cast<std::int32_t>(best));
      for (std::size_t d = 0; d < kDims; ++d) left[d] -= rows[best][d];
    }
  }
}

TEST(AdditiveCodes, AWiderBeamIsNeverFurtherAwayOnTheWhole) {
  const AdditiveCodes codes = some_codes(false, {8, 8, 8});
  const Matrix z = random_matrix(200, kDims, 5);
  const auto error = [&](std::size_t beam) {
    std::vector<std::int32_t> found(z.rows() * 3);
    codes.encode(z, beam, {found.data(), z.rows(), 3});
    double sum = 0.0;
    for (std::size_t i = 0; i < z.rows(); ++i) {
      const auto tuple = std::vector(found.begin() + static_cast<std::ptrdiff_t>(i * 3),
                                     found.begin() + static_cast<std::ptrdiff_t>(i * 3 + 3));
      sum += error_of(codes, tuple, z.view().row(i));
    }
    return sum;
  };
  EXPECT_LT(error(8), error(1));
  EXPECT_LE(error(64), error(8) * 1.0001);
}

TEST(AdditiveCodes, ByCosineTheRowOfTheLargestCosineIsTaken) {
  std::vector<TokenBook> books(1);
  books[0] = {Distance::cosine, 0, Matrix(2, 2)};
  books[0].rows[0][0] = 10.0F;  // along x, far away
  books[0].rows[1][1] = 1.0F;   // along y, near
  const AdditiveCodes codes(std::move(books), 2);
  Matrix z(1, 2);
  z[0][0] = 1.0F;
  z[0][1] = 0.9F;
  std::int32_t code = -1;
  codes.encode(z, 1, {&code, 1, 1});
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace tessera
