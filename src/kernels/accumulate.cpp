#include "kernels/accumulate.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/accumulate.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE void Accumulate(double scale, const T* x, double* sums, size_t n) {
  const auto add = [&](auto d, size_t i) HWY_ATTR {
    const hn::Rebind<T, decltype(d)> dt;
    const auto values = hn::LoadU(dt, x + i);
    auto wide = hn::Undefined(d);
    if constexpr (sizeof(T) == sizeof(double)) {
      wide = values;
    } else {
      wide = hn::PromoteTo(d, values);
    }
    hn::StoreU(hn::MulAdd(hn::Set(d, scale), wide, hn::LoadU(d, sums + i)), d, sums + i);
  };
  const hn::ScalableTag<double> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) add(d, i);
  for (; i < n; ++i) sums[i] += scale * double{x[i]};
}

void AccumulateFloats(double scale, const float* x, double* sums, size_t n) {
  Accumulate(scale, x, sums, n);
}
void AccumulateDoubles(double scale, const double* x, double* sums, size_t n) {
  Accumulate(scale, x, sums, n);
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AccumulateFloats);
HWY_EXPORT(AccumulateDoubles);
}  // namespace

void accumulate_scaled(double scale, std::span<const float> x, std::span<double> sums) {
  HWY_DYNAMIC_DISPATCH(AccumulateFloats)(scale, x.data(), sums.data(), x.size());
}
void accumulate_scaled(double scale, std::span<const double> x, std::span<double> sums) {
  HWY_DYNAMIC_DISPATCH(AccumulateDoubles)(scale, x.data(), sums.data(), x.size());
}

}  // namespace tessera
#endif
