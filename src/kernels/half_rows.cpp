#include "kernels/half_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/half_rows.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Widen(const Half* from, float* to, size_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const auto* values = reinterpret_cast<const hwy::float16_t*>(from);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, values + i)), d, to + i);
  }
  for (; i < n; ++i) to[i] = static_cast<float>(from[i]);
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
HWY_EXPORT(Widen);

void widen(std::span<const Half> from, std::span<float> to) {
  HWY_DYNAMIC_DISPATCH(Widen)(from.data(), to.data(), from.size());
}

}  // namespace tessera
#endif
