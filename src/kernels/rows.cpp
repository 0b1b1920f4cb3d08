#include "kernels/rows.h"

#include <algorithm>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rows.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [first, last) of all rows: one thread's, so that every element sums in one fixed order.
void ScatterAddColumns(const MatrixView<const float>& x, const std::int32_t* rows,
                       const float* scales, const MatrixView<float>& table, size_t first,
                       size_t last) {
  for (size_t i = 0; i < x.rows; ++i) {
    const float* source = x[i] + first;
    float* target = table[static_cast<size_t>(rows[i])] + first;
    const float scale = scales != nullptr ? scales[i] : 1.0F;
    ForLanes(last - first, [&](size_t c, auto d) HWY_ATTR {
      hn::StoreU(hn::MulAdd(hn::Set(d, scale), hn::LoadU(d, source + c), hn::LoadU(d, target + c)),
                 d, target + c);
    });
  }
}

void AddScaledRow(float scale, const float* x, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, scale), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

float DotRow(const float* a, const float* b, size_t n) {
  return SumLanes(n, [&](size_t i, auto d)
                         HWY_ATTR { return hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); });
}

float SquaredErrorRow(const float* target, float scale, float* x, size_t n) {
  return SumLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto error = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, target + i));
    hn::StoreU(hn::Mul(hn::Set(d, scale), error), d, x + i);
    return hn::Mul(error, error);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {

HWY_EXPORT(ScatterAddColumns);
HWY_EXPORT(AddScaledRow);
HWY_EXPORT(DotRow);
HWY_EXPORT(SquaredErrorRow);

// Calls body(i, row of the table) for every row named.
template <class Body>
void for_named_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                    const Body& body) {
  parallel_for(rows.size(), 1 + 8192 / std::max<std::size_t>(table.cols, 1),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) {
                   body(i, table[static_cast<std::size_t>(rows[i])]);
                 }
               });
}

}  // namespace

void copy_rows(MatrixView<const float> x, MatrixView<float> y) {
  parallel_for(x.rows, 1 + 8192 / std::max<std::size_t>(x.cols, 1),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) std::copy_n(x[i], x.cols, y[i]);
               });
}

void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<float> out) {
  for_named_rows(table, rows,
                 [&](std::size_t i, const float* row) { std::copy_n(row, table.cols, out[i]); });
}

void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<Bf16> out) {
  for_named_rows(table, rows,
                 [&](std::size_t i, const float* row) { to_bf16({row, table.cols}, out[i]); });
}

void scatter_add_rows(MatrixView<const float> x, std::span<const std::int32_t> rows,
                      MatrixView<float> table, std::span<const float> scales) {
  constexpr std::size_t kLine = 16;
  const std::size_t lines = (x.cols + kLine - 1) / kLine;
  parallel_for(lines, 1 + 1024 / std::max<std::size_t>(x.rows, 1),
               [&](std::size_t begin, std::size_t end) {
                 HWY_DYNAMIC_DISPATCH(ScatterAddColumns)
                 (x, rows.data(), scales.empty() ? nullptr : scales.data(), table, begin * kLine,
                  std::min(end * kLine, x.cols));
               });
}

void gather_add_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                     std::span<const float> scales, MatrixView<float> out) {
  for_named_rows(table, rows, [&](std::size_t i, const float* row) {
    HWY_DYNAMIC_DISPATCH(AddScaledRow)(scales[i], row, out[i], table.cols);
  });
}

void gathered_dots(MatrixView<const float> x, MatrixView<const float> table,
                   std::span<const std::int32_t> rows, std::span<float> out) {
  for_named_rows(table, rows, [&](std::size_t i, const float* row) {
    out[i] = HWY_DYNAMIC_DISPATCH(DotRow)(x[i], row, table.cols);
  });
}

void squared_errors(MatrixView<const float> table, std::span<const std::int32_t> rows,
                    std::span<const float> scales, MatrixView<float> x, std::span<float> squares) {
  for_named_rows(table, rows, [&](std::size_t i, const float* row) {
    squares[i] = HWY_DYNAMIC_DISPATCH(SquaredErrorRow)(row, scales[i], x[i], table.cols);
  });
}

}  // namespace tessera
#endif
