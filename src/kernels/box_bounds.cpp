#include "kernels/box_bounds.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/box_bounds.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddScaledFrom(float scale, const float* x, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, scale), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AddScaledFrom);
}

void box_bounds(std::span<const float> query, MatrixView<const float> low,
                MatrixView<const float> high, float start, std::span<float> bounds) {
  constexpr std::size_t kTile = 2048;  // of the first-level cache
  for (std::size_t first = 0; first < bounds.size(); first += kTile) {
    const std::size_t count = std::min(kTile, bounds.size() - first);
    std::fill_n(bounds.data() + first, count, start);
    for (std::size_t d = 0; d < query.size(); ++d) {
      const float* side = query[d] >= 0.0F ? high[d] : low[d];
      HWY_DYNAMIC_DISPATCH(AddScaledFrom)(query[d], side + first, bounds.data() + first, count);
    }
  }
}

}  // namespace tessera
#endif
