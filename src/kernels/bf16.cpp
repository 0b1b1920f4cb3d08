#include "kernels/bf16.h"

#include <algorithm>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bf16.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/bf16-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Round(const float* x, Bf16* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR { StoreRounded(d, hn::LoadU(d, x + i), y + i); });
}

// Columns [first, first + n): masks dy by y, unless that is empty, and adds up dy. Two brain floats
// share a lane of 32 bits: one is moved up, the other only freed of its neighbour.
void ReluBackwardSums(const MatrixView<const Bf16>& y, const MatrixView<Bf16>& dy, size_t first,
                      size_t n, float* sums) {
  const bool masked = y.data != nullptr;
  size_t c = 0;
#if HWY_TARGET != HWY_SCALAR  // whose lanes hold no pair
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Repartition<std::int16_t, decltype(d)> dh;
  const size_t lanes = hn::Lanes(dh);
  const auto gradient_at = [&](size_t row, size_t column) HWY_ATTR {
    auto* at = reinterpret_cast<std::int16_t*>(dy[row] + first + column);
    auto gradient = hn::LoadU(dh, at);
    if (masked) {
      // An activation is positive as a brain float where its bits are as an integer.
      const auto* activation = reinterpret_cast<const std::int16_t*>(y[row] + first + column);
      const auto positive = hn::Gt(hn::LoadU(dh, activation), hn::Zero(dh));
      gradient = hn::IfThenElseZero(positive, gradient);
      hn::StoreU(gradient, dh, at);
    }
    return hn::BitCast(du, gradient);
  };
  const auto even_of = [&](auto pair) HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<16>(pair)); };
  const auto odd_of = [&](auto pair) HWY_ATTR {
    return hn::BitCast(d, hn::And(pair, hn::Set(du, 0xffff0000U)));
  };
  // Two vectors at a time: additions that do not wait for each other.
  for (; c + 2 * lanes <= n; c += 2 * lanes) {
    auto even0 = hn::Zero(d), odd0 = even0, even1 = even0, odd1 = even0;
    for (size_t row = 0; row < dy.rows; ++row) {
      const auto pair0 = gradient_at(row, c);
      const auto pair1 = gradient_at(row, c + lanes);
      even0 = hn::Add(even0, even_of(pair0));
      odd0 = hn::Add(odd0, odd_of(pair0));
      even1 = hn::Add(even1, even_of(pair1));
      odd1 = hn::Add(odd1, odd_of(pair1));
    }
    hn::StoreInterleaved2(even0, odd0, d, sums + c);
    hn::StoreInterleaved2(even1, odd1, d, sums + c + lanes);
  }
#endif
  for (; c < n; ++c) {
    sums[c] = 0.0F;
    for (size_t row = 0; row < dy.rows; ++row) {
      Bf16& gradient = dy[row][first + c];
      if (masked && !(to_float(y[row][first + c]) > 0.0F)) gradient = {};
      sums[c] += to_float(gradient);
    }
  }
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(Round);
HWY_EXPORT(ReluBackwardSums);
}  // namespace

void to_bf16(std::span<const float> x, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(Round)(x.data(), y, x.size());
}

void to_bf16(MatrixView<const float> x, MatrixView<Bf16> y) {
  parallel_for(x.rows, 1 + 16384 / std::max<std::size_t>(x.cols, 1),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) to_bf16(x.row(i), y[i]);
               });
}

void relu_backward_sums(MatrixView<const Bf16> y, MatrixView<Bf16> dy, std::span<float> sums) {
  // Threads share the columns in whole cache lines, so that every sum has one fixed order.
  constexpr std::size_t kLine = 64;
  const std::size_t lines = (dy.cols + kLine - 1) / kLine;
  parallel_for(lines, 1 + 16384 / std::max<std::size_t>(dy.rows * kLine, 1),
               [&](std::size_t begin, std::size_t end) {
                 const std::size_t first = begin * kLine;
                 const std::size_t count = std::min(end * kLine, dy.cols) - first;
                 HWY_DYNAMIC_DISPATCH(ReluBackwardSums)(y, dy, first, count, sums.data() + first);
               });
}

}  // namespace tessera
#endif
