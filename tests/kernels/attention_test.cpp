// Packed causal attention against a plain version in double, with and without dropout.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <vector>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::expect_elements;
using testing::expect_gradient;
using testing::Framed;
using testing::random_matrix;

// Sequences of 1, 7, 0 and 17 positions.
const std::vector<std::int32_t> kOffsets = {0, 1, 8, 8, 25};
constexpr std::size_t kPositions = 25;

struct Heads {
  std::size_t heads, dims;
};
constexpr std::array<Heads, 5> kHeads = {{{1, 1}, {3, 1}, {2, 3}, {1, 17}, {2, 33}}};

/// Buffers and both passes of one attention.
struct Attention {
  AttentionShape shape;
  Matrix q, k, v, out;
  std::vector<float> probabilities;
  std::vector<std::size_t> starts;

  explicit Attention(const Heads& h, std::span<const std::int32_t> offsets = kOffsets)
      : shape{offsets, h.heads, 0.0F, 0},
        q(random_matrix(rows(), h.heads * h.dims, 1)),
        k(random_matrix(rows(), h.heads * h.dims, 2)),
        v(random_matrix(rows(), h.heads * h.dims, 3)),
        out(rows(), h.heads * h.dims),
        probabilities(attention_probabilities(offsets, h.heads)),
        starts(offsets.size()) {}

  std::size_t rows() const { return static_cast<std::size_t>(shape.offsets.back()); }
  void forward() { causal_attention(shape, q, k, v, probabilities, starts, out); }
  double loss(MatrixView<const float> dout) {
    forward();
    return testing::weighted_sum(dout, out);
  }
};

std::size_t first_position_of(std::span<const std::int32_t> offsets, std::size_t row) {
  std::size_t s = 0;
  while (static_cast<std::size_t>(offsets[s + 1]) <= row) ++s;
  return static_cast<std::size_t>(offsets[s]);
}

/// Softmax of scale · <q_row, k_j> over the positions j of the row's own sequence up to itself.
std::vector<double> plain_probabilities(const Attention& a, std::size_t row, std::size_t head) {
  const std::size_t dims = a.q.cols() / a.shape.heads;
  std::vector<double> p;
  double sum = 0.0;
  for (std::size_t j = first_position_of(a.shape.offsets, row); j <= row; ++j) {
    double score = 0.0;
    for (std::size_t c = head * dims; c < (head + 1) * dims; ++c) {
      score += double{a.q[row][c]} * a.k[j][c];
    }
    p.push_back(std::exp(score / std::sqrt(static_cast<double>(dims))));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  return p;
}

double plain_output(const Attention& a, std::size_t row, std::size_t column) {
  const std::vector<double> p = plain_probabilities(a, row, column / (a.q.cols() / a.shape.heads));
  const std::size_t first = first_position_of(a.shape.offsets, row);
  double sum = 0.0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] * a.v[first + j][column];
  return sum;
}

TEST(CausalAttention, EqualsAPlainVersion) {
  for (const Heads& h : kHeads) {
    Attention a(h);
    a.forward();
    expect_elements(a.out, 2e-6,
                    [&](std::size_t i, std::size_t c) { return plain_output(a, i, c); });
  }
}

TEST(CausalAttention, StridedViewsOfOneMatrixGiveTheSame) {
  // Queries, keys and values side by side in one matrix, the output in another of its own stride.
  Attention a({2, 3});
  a.forward();
  Matrix joined(kPositions, 18), djoined(kPositions, 18);
  const auto part = [](Matrix& m, std::size_t i) { return m.view().col_block(6 * i, 6); };
  for (std::size_t i = 0; i < kPositions; ++i) {
    std::copy_n(a.q[i], 6, part(joined, 0)[i]);
    std::copy_n(a.k[i], 6, part(joined, 1)[i]);
    std::copy_n(a.v[i], 6, part(joined, 2)[i]);
  }
  Framed out(kPositions, 6);
  causal_attention(a.shape, part(joined, 0), part(joined, 1), part(joined, 2), a.probabilities,
                   a.starts, out);
  expect_elements(out, 0.0, [&](std::size_t i, std::size_t c) { return a.out[i][c]; });
  EXPECT_TRUE(out.frame_intact());

  const Matrix dout = random_matrix(kPositions, 6, 4);
  Matrix dq(kPositions, 6), dk(kPositions, 6), dv(kPositions, 6);
  causal_attention_backward(a.shape, a.q, a.k, a.v, a.probabilities, a.starts, dout, dq, dk, dv);
  Framed framed_dout(dout);
  causal_attention_backward(a.shape, part(joined, 0), part(joined, 1), part(joined, 2),
                            a.probabilities, a.starts, framed_dout, part(djoined, 0),
                            part(djoined, 1), part(djoined, 2));
  for (const auto& [i, dense] : {std::pair{0U, &dq}, {1U, &dk}, {2U, &dv}}) {
    expect_elements(part(djoined, i), 0.0,
                    [&](std::size_t r, std::size_t c) { return (*dense)[r][c]; });
  }
}

TEST(CausalAttention, EqualScoresWeighAllEarlierPositionsAlike) {
  for (const float score : {0.0F, 30.0F, -1000.0F}) {
    Attention a({1, 7});
    std::fill(a.q.span().begin(), a.q.span().end(), 1.0F);
    std::fill(a.k.span().begin(), a.k.span().end(), score);
    a.forward();
    expect_elements(a.out, 2e-6, [&](std::size_t i, std::size_t c) {
      const std::size_t first = first_position_of(kOffsets, i);
      double mean = 0.0;
      for (std::size_t j = first; j <= i; ++j) {
        mean += a.v[j][c] / static_cast<double>(i + 1 - first);
      }
      return mean;
    });
  }
}

TEST(CausalAttention, VeryUnequalScoresPickOnePosition) {
  // Scores of ±1e6: a softmax that does not subtract the largest overflows here.
  const std::vector<std::int32_t> one_sequence = {0, 7};
  Attention a({1, 1}, one_sequence);
  std::fill(a.q.span().begin(), a.q.span().end(), 1e3F);
  for (std::size_t j = 0; j < 7; ++j) a.k[j][0] = j == 2 ? 1e3F : -1e3F;
  a.forward();
  for (std::size_t i = 2; i < 7; ++i) EXPECT_NEAR(a.out[i][0], a.v[2][0], 1e-6) << i;
}

TEST(CausalAttention, ASequenceSeesNeitherItsNeighboursNorItsFuture) {
  Attention a({2, 3});
  a.forward();
  const Matrix before = a.out.clone();
  // Positions 1 … 7 are the second sequence; change its position 4.
  for (Matrix* m : {&a.q, &a.k, &a.v}) {
    for (std::size_t c = 0; c < 6; ++c) (*m)[4][c] += 1.0F;
  }
  a.forward();
  for (std::size_t i = 0; i < kPositions; ++i) {
    EXPECT_EQ(testing::same_bits(a.out.view().row(i), before.view().row(i)), i < 4 || i > 7) << i;
  }
}

TEST(CausalAttention, GradientMatchesFiniteDifferences) {
  for (const float dropout : {0.0F, 0.4F}) {
    for (const Heads& h : kHeads) {
      Attention a(h);
      a.shape.dropout = dropout;
      a.shape.dropout_stream = 77;
      const std::size_t width = h.heads * h.dims;
      const Matrix dout = random_matrix(kPositions, width, 4);
      Matrix dq(kPositions, width), dk(kPositions, width), dv(kPositions, width);
      for (Matrix* m : {&dq, &dk, &dv})
        std::fill(m->span().begin(), m->span().end(), testing::kNan);
      a.forward();
      causal_attention_backward(a.shape, a.q, a.k, a.v, a.probabilities, a.starts, dout, dq, dk,
                                dv);
      const auto loss = [&] { return a.loss(dout); };
      expect_gradient(a.q, dq, loss, 5e-4, 0.05F);
      expect_gradient(a.k, dk, loss, 5e-4, 0.05F);
      expect_gradient(a.v, dv, loss, 1e-4, 0.5F);
    }
  }
}

/// What reaches each position from each other one: with one-hot values the output is the row of
/// probabilities. One sequence of 17 positions, one head.
Matrix probabilities_seen(float dropout, std::uint64_t stream) {
  static const std::vector<std::int32_t> offsets = {0, 17};
  Attention a({1, 17}, offsets);
  a.shape.dropout = dropout;
  a.shape.dropout_stream = stream;
  for (std::size_t i = 0; i < 17; ++i) {
    for (std::size_t c = 0; c < 17; ++c) a.v[i][c] = i == c ? 1.0F : 0.0F;
  }
  a.forward();
  return std::move(a.out);
}

TEST(CausalAttention, DropoutZeroesOrScalesEachProbability) {
  const Matrix all = probabilities_seen(0.0F, 0);
  const Matrix kept = probabilities_seen(0.4F, 5);
  int dropped = 0;
  for (std::size_t i = 0; i < 17; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const bool zero = kept[i][j] == 0.0F;
      dropped += zero;
      EXPECT_NEAR(kept[i][j], zero ? 0.0 : all[i][j] / 0.6, 1e-6);
    }
  }
  EXPECT_NEAR(dropped, 0.4 * 153, 6 * 6.1);  // six standard deviations of 153 draws
}

TEST(CausalAttention, DropoutStreamsDiffer) {
  const Matrix first = probabilities_seen(0.4F, 5);
  const Matrix again = probabilities_seen(0.4F, 5);
  const Matrix other = probabilities_seen(0.4F, 6);
  EXPECT_TRUE(testing::same_bits(first.span(), again.span()));
  EXPECT_FALSE(testing::same_bits(first.span(), other.span()));
}

TEST(CausalAttention, EachHeadAndSequenceDropsPairsOfItsOwn) {
  // Equal queries and keys everywhere: heads and sequences differ by their dropout alone.
  const std::vector<std::int32_t> offsets = {0, 17, 34};
  Attention a({2, 1}, offsets);
  a.shape.dropout = 0.5F;
  for (Matrix* m : {&a.q, &a.k}) std::fill(m->span().begin(), m->span().end(), 0.0F);
  std::fill(a.v.span().begin(), a.v.span().end(), 1.0F);
  a.forward();
  const auto column = [&](std::size_t sequence, std::size_t head) {
    std::vector<float> values;
    for (std::size_t i = 0; i < 17; ++i) values.push_back(a.out[17 * sequence + i][head]);
    return values;
  };
  EXPECT_NE(column(0, 0), column(0, 1));
  EXPECT_NE(column(0, 0), column(1, 0));
}

TEST(CausalAttention, ProbabilitiesAreCountedBySequenceAndHead) {
  EXPECT_EQ(attention_probabilities(kOffsets, 3), 3U * (1 + 28 + 0 + 153));
}

}  // namespace
}  // namespace tessera
