// Included once per SIMD target: loops over lanes.
#include <hwy/highway.h>

#if defined(TESSERA_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_LANES_INL_H_
#undef TESSERA_KERNELS_LANES_INL_H_
#else
#define TESSERA_KERNELS_LANES_INL_H_
#endif

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {

/// Calls body(offset, d) for whole vectors over [0, n), then for single lanes.
template <class Body>
HWY_INLINE void ForLanes(std::size_t n, const Body& body) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  const std::size_t lanes = hwy::HWY_NAMESPACE::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, d);
  const hwy::HWY_NAMESPACE::CappedTag<float, 1> one;
  for (; i < n; ++i) body(i, one);
}

/// Σ of the vectors body(offset, d) over [0, n).
template <class Body>
HWY_INLINE float SumLanes(std::size_t n, const Body& body) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::Add(sum, body(i, d));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) total += hn::GetLane(body(i, one));
  return total;
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
