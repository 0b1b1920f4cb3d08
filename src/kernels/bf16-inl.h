// Included once per SIMD target: brain floats to and from lanes.
#include <hwy/highway.h>

#if defined(TESSERA_KERNELS_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_BF16_INL_H_
#undef TESSERA_KERNELS_BF16_INL_H_
#else
#define TESSERA_KERNELS_BF16_INL_H_
#endif

#include "kernels/bf16.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {

/// y = x, rounded to the nearest, ties to even.
template <class DF, class VF = hwy::HWY_NAMESPACE::Vec<DF>>
HWY_INLINE void StoreRounded(DF, VF x, Bf16* y) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<DF> du;
  const hn::RebindToSigned<DF> di;
  const hn::Rebind<std::uint16_t, DF> dh;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff))));
  hn::StoreU(hn::DemoteTo(dh, hn::BitCast(di, rounded)), dh, &y->bits);
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
