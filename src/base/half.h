#pragma once

namespace tessera {

/// IEEE half precision, for storage: arithmetic is in float.
#if defined(__aarch64__) && !defined(__clang__) && __GNUC__ < 13
using Half = __fp16;  // g++ 12 does not know the other name there
#else
using Half = _Float16;
#endif

}  // namespace tessera
