#include "kernels/full_attention.h"

#include <gtest/gtest.h>

#include <vector>

#include "testing/matrices.h"
#include "testing/threads.h"

namespace tessera {
namespace {

using testing::Framed;
using testing::random_matrix;

constexpr std::size_t kFullHeads = 3, kDims = 5, kWidth = kFullHeads * kDims;
const std::vector<std::int32_t> kFullOffsets = {0, 1, 8, 8, 27};

Matrix attended(MatrixView<const float> q, MatrixView<const float> k, MatrixView<const float> v) {
  Framed out(q.rows, kWidth);
  std::vector<float> scratch(full_attention_scratch(kFullOffsets));
  full_attention(kFullOffsets, kFullHeads, q, k, v, scratch, out);
  EXPECT_TRUE(out.frame_intact());
  Matrix result(q.rows, kWidth);
  for (std::size_t i = 0; i < q.rows; ++i) std::copy_n(out[i], kWidth, result[i]);
  return result;
}

/// Element (row, column) of what the equation says, in double precision.
double expected(MatrixView<const float> q, MatrixView<const float> k, MatrixView<const float> v,
                std::size_t row, std::size_t column) {
  std::size_t s = 0;
  while (static_cast<std::size_t>(kFullOffsets[s + 1]) <= row) ++s;
  const std::size_t head = column / kDims * kDims;
  double sum = 0.0, weighted = 0.0;
  for (auto j = static_cast<std::size_t>(kFullOffsets[s]);
       j < static_cast<std::size_t>(kFullOffsets[s + 1]); ++j) {
    double score = 0.0;
    for (std::size_t c = head; c < head + kDims; ++c) score += double{q[row][c]} * k[j][c];
    const double weight = std::exp(score / std::sqrt(double{kDims}));
    sum += weight;
    weighted += weight * v[j][column];
  }
  return weighted / sum;
}

TEST(FullAttention, IsTheWeightedMeanOverTheWholeSequence) {
  const Matrix q = random_matrix(27, kWidth, 1), k = random_matrix(27, kWidth, 2),
               v = random_matrix(27, kWidth, 3);
  testing::expect_elements(attended(Framed(q), Framed(k), Framed(v)), 1e-5,
                           [&](std::size_t i, std::size_t j) { return expected(q, k, v, i, j); });
}

TEST(FullAttention, DoesNotDependOnTheThreadCount) {
  const Matrix q = random_matrix(27, kWidth, 1);
  const auto [one, two] = testing::with_one_and_two_threads([&] { return attended(q, q, q); });
  EXPECT_TRUE(testing::same_bits(one.span(), two.span()));
}

TEST(FullAttention, StandsScoresThatOverflowTheExponential) {
  const Matrix q = random_matrix(27, kWidth, 1, 1e3);
  const Matrix out = attended(q, q, q);
  for (const float x : out.span()) ASSERT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace tessera
