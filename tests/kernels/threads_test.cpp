// What does not depend on the thread count is bitwise equal with one thread and with two. The
// shapes are large enough for the loops to be shared out.
#include "testing/threads.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/parallel.h"
#include "kernels/adam.h"
#include "kernels/attention.h"
#include "kernels/codes.h"
#include "kernels/elementwise.h"
#include "kernels/layer_norm.h"
#include "kernels/rows.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;

constexpr std::size_t kManyRows = 3001;
constexpr std::size_t kCols = 33;

/// Expects compute() → Matrix to give the same bits with one thread and with two.
template <class Compute>
void expect_same_bits(const Compute& compute) {
  const auto [one, two] = testing::with_one_and_two_threads(compute);
  ASSERT_GT(one.size(), 0U);
  EXPECT_TRUE(testing::same_bits(one.span(), two.span()));
}

TEST(Threads, TwoAreUsedWhereTheTestsAskForTwo) {
  const testing::ThreadCount two(2);
  std::vector<int> thread(2, -1);
  parallel_for(2, 1, [&](std::size_t begin, std::size_t) { thread[begin] = omp_get_thread_num(); });
  EXPECT_EQ(thread, (std::vector{0, 1}));
}

TEST(Threads, ColumnSumsDoNotDependOnThem) {
  const Matrix x = random_matrix(kManyRows, 6 * kCols, 1);
  expect_same_bits([&] {
    Matrix sums(1, x.cols());
    column_sums(x, sums.span());
    return sums;
  });
}

TEST(Threads, ElementwiseFunctionsDoNotDependOnThem) {
  const Matrix x = random_matrix(kManyRows, kCols, 1), bias = random_matrix(1, kCols, 2);
  expect_same_bits([&] {
    Matrix sum = x.clone(), y(kManyRows, kCols);
    bias_gelu(sum, bias.span(), y);
    gelu_backward(x, y);
    dropout(y, 0.5F, 7);
    bias_relu(y, bias.span());
    add_scaled(0.3F, x, y);
    Matrix dots(1, kManyRows);
    row_dots(x, y, dots.span());
    add_bias(y, bias.span());
    relu_backward(x, y);
    add_scaled(1.0F, dots.view().col_block(0, kCols), y.view().row_block(0, 1));
    return y;
  });
}

TEST(Threads, LayerNormAndItsGradientsDoNotDependOnThem) {
  const Matrix x = random_matrix(kManyRows, kCols, 1), dy = random_matrix(kManyRows, kCols, 2);
  const Matrix gamma = random_matrix(1, kCols, 3), beta = random_matrix(1, kCols, 4);
  expect_same_bits([&] {
    // Output, input gradient, gradients of gamma and beta.
    Matrix all(2 * kManyRows + 2, kCols), normalized(kManyRows, kCols);
    std::vector<float> inverse_std(kManyRows);
    const MatrixView<float> rows = all;
    layer_norm(x, gamma.span(), beta.span(), 1e-12F, normalized, inverse_std,
               rows.row_block(0, kManyRows));
    layer_norm_backward(normalized, inverse_std, gamma.span(), dy,
                        rows.row_block(kManyRows, kManyRows), rows.row(2 * kManyRows),
                        rows.row(2 * kManyRows + 1));
    return all;
  });
}

TEST(Threads, AttentionAndItsGradientsDoNotDependOnThem) {
  std::vector<std::int32_t> offsets = {0};
  for (int s = 0; s < 40; ++s) offsets.push_back(offsets.back() + 1 + s % 17);
  const auto rows = static_cast<std::size_t>(offsets.back());
  const Matrix q = random_matrix(rows, 6, 1), k = random_matrix(rows, 6, 2);
  const Matrix v = random_matrix(rows, 6, 3), dout = random_matrix(rows, 6, 4);
  expect_same_bits([&] {
    const AttentionShape shape{offsets, 2, 0.5F, 9};
    std::vector<float> probabilities(attention_probabilities(offsets, 2));
    std::vector<std::size_t> starts(offsets.size());
    Matrix all(4 * rows, 6);
    const auto part = [&](std::size_t i) { return all.view().row_block(i * rows, rows); };
    causal_attention(shape, q, k, v, probabilities, starts, part(0));
    causal_attention_backward(shape, q, k, v, probabilities, starts, dout, part(1), part(2),
                              part(3));
    return all;
  });
}

TEST(Threads, CodesAndRowsDoNotDependOnThem) {
  const Matrix x = random_matrix(kManyRows, kCols, 1);
  expect_same_bits([&] {
    std::vector<std::int32_t> codes(kManyRows);
    assign_codes(x, {}, codes.data(), 1);
    Matrix table(kCols, kCols), gathered(kManyRows, kCols);
    scatter_add_rows(x, codes, table);
    gather_rows(table, codes, gathered);
    gather_add_rows(table, codes, x.span().first(kManyRows), gathered);
    Matrix squares(1, kManyRows);
    squared_errors(table, codes, x.span().first(kManyRows), gathered, squares.span());
    gathered_dots(x, table, codes, gathered.span().first(kManyRows));
    gathered.span()[kManyRows] = squares[0][kManyRows / 2];
    return gathered;
  });
}

TEST(Threads, ResidualLayerNormDoesNotDependOnThem) {
  const Matrix residual = random_matrix(kManyRows, kCols, 1),
               x = random_matrix(kManyRows, kCols, 2);
  const Matrix bias = random_matrix(1, kCols, 3), gamma = random_matrix(1, kCols, 4);
  expect_same_bits([&] {
    Matrix y = x.clone(), normalized(kManyRows, kCols), dx(kManyRows + 2, kCols);
    std::vector<float> inverse_std(kManyRows);
    residual_layer_norm(residual, bias.span(), {0.5F, 7}, gamma.span(), bias.span(), 1e-12F, y,
                        normalized, inverse_std);
    const MatrixView<float> all = dx;
    residual_layer_norm_backward(normalized, inverse_std, gamma.span(), {0.5F, 7}, y,
                                 all.row_block(0, kManyRows), all.row(kManyRows),
                                 all.row(kManyRows + 1));
    return dx;
  });
}

TEST(Threads, AdamOfRowsDoesNotDependOnThem) {
  const Matrix grad = random_matrix(kManyRows, kCols, 1);
  const std::vector<AdamFactors> factors = {adam_factors({}, 1), adam_factors({}, 2)};
  std::vector<std::int32_t> rows(kManyRows);
  std::iota(rows.begin(), rows.end(), 0);
  expect_same_bits([&] {
    Matrix m(kManyRows, kCols), v(kManyRows, kCols), value(kManyRows, kCols), done(1, kManyRows);
    adam_update_rows({}, factors, 1, rows, grad, m, v, value, done.span());
    adam_update_rows({}, factors, 2, rows, {}, m, v, value, done.span());
    return value;
  });
}

TEST(Threads, AdamDoesNotDependOnThem) {
  const Matrix grad = random_matrix(1, kManyRows * kCols, 1);
  expect_same_bits([&] {
    Matrix m(1, grad.size()), v(1, grad.size()), value(1, grad.size());
    for (std::uint64_t step = 1; step <= 3; ++step) {
      adam_update({}, step, grad.span(), m.span(), v.span(), value.span());
    }
    return value;
  });
}

}  // namespace
}  // namespace tessera
