#include "kernels/accumulate.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/accumulate.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AccumulateScaled(double scale, const float* x, double* sums, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const auto factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto wide = hn::PromoteTo(d, hn::LoadU(df, x + i));
    hn::StoreU(hn::MulAdd(factor, wide, hn::LoadU(d, sums + i)), d, sums + i);
  }
  for (; i < n; ++i) {
    const hn::CappedTag<double, 1> one;
    hn::StoreU(
        hn::MulAdd(hn::Set(one, scale), hn::Set(one, double{x[i]}), hn::LoadU(one, sums + i)), one,
        sums + i);
  }
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AccumulateScaled);
}

void accumulate_scaled(double scale, std::span<const float> x, std::span<double> sums) {
  HWY_DYNAMIC_DISPATCH(AccumulateScaled)(scale, x.data(), sums.data(), x.size());
}

}  // namespace tessera
#endif
