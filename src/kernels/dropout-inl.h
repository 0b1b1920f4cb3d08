// Included once per SIMD target: the lanes that dropout keeps.
#include <hwy/highway.h>

#if defined(TESSERA_KERNELS_DROPOUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_DROPOUT_INL_H_
#undef TESSERA_KERNELS_DROPOUT_INL_H_
#else
#define TESSERA_KERNELS_DROPOUT_INL_H_
#endif

#include <cstdint>

#ifndef TESSERA_KERNELS_DROP_THRESHOLD_
#define TESSERA_KERNELS_DROP_THRESHOLD_
namespace tessera {
/// Of 2^31 equally likely hashes, those up to the threshold drop their element.
inline std::int32_t drop_threshold(float probability) {
  return static_cast<std::int32_t>(static_cast<double>(probability) * 2147483648.0 - 1.0);
}
}  // namespace tessera
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {

/// Which of the elements first, first + 1, … of a stream are kept. The hash is MurmurHash3's 32-bit
/// finaliser, keyed twice.
template <class DF>
HWY_INLINE hwy::HWY_NAMESPACE::Mask<DF> KeepMask(DF d, std::uint64_t stream, std::uint32_t first,
                                                 std::int32_t threshold) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<DF> du;
  auto h = hn::Xor(hn::Iota(du, first), hn::Set(du, static_cast<std::uint32_t>(stream)));
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<16>(h)), hn::Set(du, 0x85ebca6bU));
  h = hn::Xor(h, hn::Set(du, static_cast<std::uint32_t>(stream >> 32)));
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<13>(h)), hn::Set(du, 0xc2b2ae35U));
  h = hn::Xor(h, hn::ShiftRight<16>(h));
  const hn::RebindToSigned<DF> di;  // Highway compares signed lanes only: 31 bits are enough
  return hn::RebindMask(d, hn::Gt(hn::BitCast(di, hn::ShiftRight<1>(h)), hn::Set(di, threshold)));
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
