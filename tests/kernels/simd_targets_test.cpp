// Every kernel on every SIMD target that this machine has, against the widest. Sums differ by their
// order and by fused multiply-adds: 1e-5 covers 33 terms of order 1.
#include "testing/simd_targets.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "kernels/adam.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/layer_norm.h"
#include "kernels/sampled_softmax.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;
using testing::SimdTarget;

constexpr std::size_t kRows = 25;
constexpr double kTolerance = 1e-5;

/// Expects compute(width) → Matrix to agree between the targets for all odd widths.
template <class Compute>
void expect_targets_agree(double tolerance, const Compute& compute) {
  for (const std::size_t cols : testing::kOddSizes) {
    const Matrix widest = compute(cols);
    for (const std::int64_t target : testing::simd_targets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      const SimdTarget use(target);
      testing::expect_elements(compute(cols), tolerance,
                               [&](std::size_t i, std::size_t j) { return widest[i][j]; });
    }
  }
}

TEST(SimdTargets, EachIsDispatchedTo) {
  std::set<std::size_t> chosen;
  for (const std::int64_t target : testing::simd_targets()) {
    const SimdTarget use(target);
    chosen.insert(hwy::GetChosenTarget().GetIndex());
  }
  EXPECT_GE(chosen.size(), 1U);
  EXPECT_EQ(chosen.size(), testing::simd_targets().size());
}

TEST(SimdTargets, AgreeOnTheSampledSoftmax) {
  const std::vector<std::int32_t> negatives(kRows, 5);
  expect_targets_agree(kTolerance, [&](std::size_t cols) {
    Matrix logits = random_matrix(kRows, cols, 3, 4.0), losses(1, cols);
    const std::vector<std::int32_t> positives(cols, 3);
    std::vector<float> positive_logits(cols, 0.5F);
    const std::vector<float> scales(cols, 1.0F);
    sampled_softmax(positives, negatives, scales, positive_logits, logits, losses.span());
    return logits;
  });
}

TEST(SimdTargets, AgreeOnBiasesAndActivations) {
  expect_targets_agree(kTolerance, [](std::size_t cols) {
    const Matrix bias = random_matrix(1, cols, 1);
    Matrix x = random_matrix(kRows, cols, 2, 2.0), y(kRows, cols);
    bias_gelu(x, bias.span(), y);
    gelu_backward(x, y);
    add_bias(y, bias.span());
    bias_relu(x, bias.span());
    relu_backward(x, y);
    add_scaled(0.5F, x, y);
    return y;
  });
}

TEST(SimdTargets, AgreeOnSums) {
  expect_targets_agree(kTolerance, [](std::size_t cols) {
    const Matrix x = random_matrix(kRows, cols, 1), y = random_matrix(kRows, cols, 2);
    Matrix sums(1, cols + kRows);
    column_sums(x, sums.span().first(cols));
    row_dots(x, y, sums.span().subspan(cols));
    return sums;
  });
}

TEST(SimdTargets, DropTheVerySameElements) {
  expect_targets_agree(0.0, [](std::size_t cols) {
    Matrix x = random_matrix(kRows, cols, 1);
    dropout(x, 0.4F, 0xfedcba9876543210U);
    return x;
  });
}

TEST(SimdTargets, AgreeOnLayerNorm) {
  expect_targets_agree(kTolerance, [](std::size_t cols) {
    // Of one column nothing would be left but beta.
    cols += 4;
    const Matrix x = random_matrix(kRows, cols, 1), dy = random_matrix(kRows, cols, 2);
    const Matrix gamma = random_matrix(1, cols, 3), beta = random_matrix(1, cols, 4);
    Matrix all(2 * kRows + 2, cols), normalized(kRows, cols);
    const MatrixView<float> rows = all;
    std::vector<float> inverse_std(kRows);
    layer_norm(x, gamma.span(), beta.span(), 1e-12F, normalized, inverse_std,
               rows.row_block(0, kRows));
    layer_norm_backward(normalized, inverse_std, gamma.span(), dy, rows.row_block(kRows, kRows),
                        rows.row(2 * kRows), rows.row(2 * kRows + 1));
    return all;
  });
}

TEST(SimdTargets, AgreeOnAttentionWithItsDropout) {
  expect_targets_agree(kTolerance, [](std::size_t dims) {
    const std::vector<std::int32_t> offsets = {0, 1, 8, 25};
    const std::size_t width = 2 * dims;
    const Matrix q = random_matrix(kRows, width, 1), k = random_matrix(kRows, width, 2);
    const Matrix v = random_matrix(kRows, width, 3), dout = random_matrix(kRows, width, 4);
    const AttentionShape shape{offsets, 2, 0.3F, 12345};
    std::vector<float> probabilities(attention_probabilities(offsets, 2));
    std::vector<std::size_t> starts(offsets.size());
    Matrix all(4 * kRows, width);
    const auto part = [&](std::size_t i) { return all.view().row_block(i * kRows, kRows); };
    causal_attention(shape, q, k, v, probabilities, starts, part(0));
    causal_attention_backward(shape, q, k, v, probabilities, starts, dout, part(1), part(2),
                              part(3));
    return all;
  });
}

TEST(SimdTargets, AgreeOnAdam) {
  expect_targets_agree(1e-6, [](std::size_t cols) {
    const Matrix grad = random_matrix(1, cols, 1);
    Matrix m(1, cols), v(1, cols), value = random_matrix(1, cols, 2);
    for (std::uint64_t step = 1; step <= 3; ++step) {
      adam_update({}, step, grad.span(), m.span(), v.span(), value.span());
    }
    return value;
  });
}

}  // namespace
}  // namespace tessera
