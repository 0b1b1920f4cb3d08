#include "kernels/sparse_gram.h"

#include <algorithm>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sparse_gram.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

namespace tessera {
#ifndef TESSERA_KERNELS_SPARSE_GRAM_ROWS_
#define TESSERA_KERNELS_SPARSE_GRAM_ROWS_
struct SparseRows {
  std::span<const std::int64_t> offsets;
  const std::int32_t* columns;
  const float* values;
};
#endif
}  // namespace tessera

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [first, first + kVectors · lanes) of y += aᵀ (a x). The sums of a row stay in registers.
template <size_t kVectors, class D>
HWY_INLINE void GramColumns(D d, const SparseRows& a, const MatrixView<const float>& x,
                            const MatrixView<float>& y, size_t first) {
  static_assert(kVectors == 1 || kVectors == 4);
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row + 1 < a.offsets.size(); ++row) {
    const auto begin = static_cast<size_t>(a.offsets[row]);
    const auto end = static_cast<size_t>(a.offsets[row + 1]);
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t e = begin; e < end; ++e) {
      const float* from = x[static_cast<size_t>(a.columns[e])] + first;
      const auto value = hn::Set(d, a.values[e]);
      sum0 = hn::MulAdd(value, hn::LoadU(d, from), sum0);
      if constexpr (kVectors == 4) {
        sum1 = hn::MulAdd(value, hn::LoadU(d, from + lanes), sum1);
        sum2 = hn::MulAdd(value, hn::LoadU(d, from + 2 * lanes), sum2);
        sum3 = hn::MulAdd(value, hn::LoadU(d, from + 3 * lanes), sum3);
      }
    }
    for (size_t e = begin; e < end; ++e) {
      float* to = y[static_cast<size_t>(a.columns[e])] + first;
      const auto value = hn::Set(d, a.values[e]);
      hn::StoreU(hn::MulAdd(value, sum0, hn::LoadU(d, to)), d, to);
      if constexpr (kVectors == 4) {
        hn::StoreU(hn::MulAdd(value, sum1, hn::LoadU(d, to + lanes)), d, to + lanes);
        hn::StoreU(hn::MulAdd(value, sum2, hn::LoadU(d, to + 2 * lanes)), d, to + 2 * lanes);
        hn::StoreU(hn::MulAdd(value, sum3, hn::LoadU(d, to + 3 * lanes)), d, to + 3 * lanes);
      }
    }
  }
}

void Gram(const SparseRows& a, const MatrixView<const float>& x, const MatrixView<float>& y,
          size_t first, size_t last) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (; first + 4 * lanes <= last; first += 4 * lanes) GramColumns<4>(d, a, x, y, first);
  for (; first + lanes <= last; first += lanes) GramColumns<1>(d, a, x, y, first);
  const hn::CappedTag<float, 1> one;
  for (; first < last; ++first) GramColumns<1>(one, a, x, y, first);
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(Gram);
}

void sparse_gram(std::span<const std::int64_t> offsets, std::span<const std::int32_t> columns,
                 std::span<const float> values, MatrixView<const float> x, MatrixView<float> y) {
  // Threads share the columns in whole blocks, so that every sum has one fixed order.
  constexpr std::size_t kBlock = 64;
  const SparseRows a{offsets, columns.data(), values.data()};
  parallel_for((x.cols + kBlock - 1) / kBlock, 1, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kBlock, last = std::min(end * kBlock, x.cols);
    for (std::size_t i = 0; i < y.rows; ++i) std::fill(y[i] + first, y[i] + last, 0.0F);
    HWY_DYNAMIC_DISPATCH(Gram)(a, x, y, first, last);
  });
}

}  // namespace tessera
#endif
