#pragma once
#include <algorithm>

namespace tessera {

/// IEEE half precision, for storage: arithmetic is in float.
#if defined(__aarch64__) && !defined(__clang__) && __GNUC__ < 13
using Half = __fp16;  // g++ 12 does not know the other name there
#else
using Half = _Float16;
#endif
inline constexpr float kLargestHalf = 65504.0F;

/// The nearest number of half precision; beyond its range, the last one.
inline Half to_half(float x) {
  return static_cast<Half>(std::clamp(x, -kLargestHalf, kLargestHalf));
}
inline float half_precision(float x) { return static_cast<float>(to_half(x)); }

}  // namespace tessera
