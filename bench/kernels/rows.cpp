// Rows moved between tables, and Adam.
#include <cmath>

#include "compare.h"
#include "kernels/adam.h"
#include "kernels/rows.h"

namespace tessera::bench {
namespace {

std::size_t row(std::int32_t number) { return static_cast<std::size_t>(number); }

void add_moves(Operands& operands) {
  Matrix &table = operands.matrix(kItems, kItemDims), &x = operands.matrix(kPositions, kItemDims);
  const std::vector<std::int32_t>& rows = operands.numbers(kPositions, kItems);
  const std::span<float> scales = operands.vector(kPositions), out = operands.vector(kPositions);
  const Work work{.bytes = 8.0 * static_cast<double>(x.size())};
  compare(
      "copy_rows", work, [&] { copy_rows(table.view().row_block(0, kPositions), x); },
      [&] { std::copy_n(table.span().data(), x.size(), x.span().data()); });
  compare(
      "gather_rows", work, [&] { gather_rows(table, rows, x); },
      [&] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          std::copy_n(table[row(rows[i])], kItemDims, x[i]);
        }
      });
  compare(
      "scatter_add_rows", work, [&] { scatter_add_rows(x, rows, table); },
      [&] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          for (std::size_t c = 0; c < kItemDims; ++c) table[row(rows[i])][c] += x[i][c];
        }
      });
  compare(
      "gather_add_rows", work, [&, scales] { gather_add_rows(table, rows, scales, x); },
      [&, scales] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          for (std::size_t c = 0; c < kItemDims; ++c) x[i][c] += scales[i] * table[row(rows[i])][c];
        }
      });
  compare(
      "gathered_dots", work, [&, out] { gathered_dots(x, table, rows, out); },
      [&, out] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          out[i] = 0;
          for (std::size_t c = 0; c < kItemDims; ++c) out[i] += x[i][c] * table[row(rows[i])][c];
        }
      });
}

void add_squared_errors(Operands& operands) {
  const Matrix& text = operands.matrix(kItems, kText);
  Matrix& x = operands.matrix(kInputs, kText);
  const std::vector<std::int32_t>& rows = operands.numbers(kInputs, kItems);
  const std::span<float> scales = operands.vector(kInputs), squares = operands.vector(kInputs);
  std::ranges::fill(scales, 1.0F);
  compare(
      "squared_errors", {.bytes = 12.0 * static_cast<double>(x.size())},
      [&, scales, squares] { squared_errors(text, rows, scales, x, squares); },
      [&, scales, squares] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          squares[i] = 0;
          for (std::size_t c = 0; c < kText; ++c) {
            const float difference = x[i][c] - text[row(rows[i])][c];
            squares[i] += difference * difference;
            x[i][c] = scales[i] * difference;
          }
        }
      });
}

void plain_adam(const AdamSettings& s, std::uint64_t step, std::span<const float> grad,
                std::span<float> m, std::span<float> v, std::span<float> value) {
  const auto t = static_cast<float>(step);
  const float m_rest = 1 - std::pow(s.beta1, t), v_rest = 1 - std::pow(s.beta2, t);
  for (std::size_t i = 0; i < value.size(); ++i) {
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * grad[i];
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * grad[i] * grad[i];
    value[i] -= s.learning_rate * (m[i] / m_rest) / (std::sqrt(v[i] / v_rest) + s.epsilon);
  }
}

void add_dense_adam(Operands& operands) {
  const std::span<float> grad = operands.vector(kText * 512), m = operands.vector(grad.size()),
                         v = operands.vector(grad.size()), value = operands.vector(grad.size());
  for (float& x : v) x = x * x;
  const Work work{.bytes = 28.0 * static_cast<double>(grad.size())};
  compare(
      "adam_update", work, [=] { adam_update({}, 100, grad, m, v, value); },
      [=] { plain_adam({}, 100, grad, m, v, value); });
}

/// A step's rows of a table of a million ID tokens; the plain version updates the whole table.
void add_adam_of_rows(Operands& operands) {
  constexpr std::size_t kRows = 1'000'000, kDims = 8, kStep = 100;
  Matrix &m = operands.matrix(kRows, kDims), &v = operands.matrix(kRows, kDims),
         &value = operands.matrix(kRows, kDims), &grad = operands.matrix(kRows, kDims);
  for (float& x : v.span()) x = x * x;
  const std::span<float> done = operands.vector(kRows);
  std::vector<std::int32_t>& rows = operands.numbers(kItems, kRows / kItems);
  for (std::size_t i = 0; i < rows.size(); ++i) {  // distinct
    rows[i] += static_cast<std::int32_t>(i * (kRows / kItems));
  }
  std::vector<AdamFactors> factors;
  for (std::uint64_t step = 1; step <= kStep; ++step) factors.push_back(adam_factors({}, step));
  compare(
      "adam_update_rows, ten steps behind", {},
      [&, done, factors] {
        for (const std::int32_t n : rows) done[row(n)] = kStep - 10;
        adam_update_rows({}, factors, kStep, rows, grad, m, v, value, done);
      },
      [&] { plain_adam({}, kStep, grad.span(), m.span(), v.span(), value.span()); });
}

}  // namespace

void add_rows(Operands& operands) {
  add_moves(operands);
  add_squared_errors(operands);
  add_dense_adam(operands);
  add_adam_of_rows(operands);
}

}  // namespace tessera::bench
