#include "kernels/codes.h"

#include <cmath>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codes.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest value first, then the first column that has it.
std::int32_t LargestColumn(const float* scores, const float* offsets, size_t n) {
  const auto score = [&](size_t i, auto d) HWY_ATTR {
    const auto value = hn::LoadU(d, scores + i);
    return offsets != nullptr ? hn::Add(value, hn::LoadU(d, offsets + i)) : value;
  };
  const hn::ScalableTag<float> wide;
  auto largest = hn::Set(wide, -HUGE_VALF);
  float rest = -HUGE_VALF;
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    if constexpr (hn::MaxLanes(d) == hn::MaxLanes(wide)) {
      largest = hn::Max(largest, score(i, d));
    } else {
      rest = HWY_MAX(rest, hn::GetLane(score(i, d)));
    }
  });
  const float best = HWY_MAX(rest, hn::GetLane(hn::MaxOfLanes(wide, largest)));
  size_t i = 0;
  for (; i + hn::Lanes(wide) <= n; i += hn::Lanes(wide)) {
    const intptr_t lane = hn::FindFirstTrue(wide, hn::Eq(score(i, wide), hn::Set(wide, best)));
    if (lane >= 0) return static_cast<std::int32_t>(i) + static_cast<std::int32_t>(lane);
  }
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) {
    if (hn::GetLane(score(i, one)) == best) return static_cast<std::int32_t>(i);
  }
  return 0;  // not a number: the loss tells
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(LargestColumn);
}

void assign_codes(MatrixView<const float> scores, std::span<const float> offsets,
                  std::int32_t* codes, std::size_t code_stride) {
  parallel_for(scores.rows, 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      codes[i * code_stride] = HWY_DYNAMIC_DISPATCH(LargestColumn)(
          scores[i], offsets.empty() ? nullptr : offsets.data(), scores.cols);
    }
  });
}

}  // namespace tessera
#endif
