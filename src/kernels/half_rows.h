#pragma once
#include <span>

#include "base/half.h"

namespace tessera {

/// to[i] = from[i], which is exact. A compiler that must also serve CPUs without such an
/// instruction calls a function a value.
void widen(std::span<const Half> from, std::span<float> to);

}  // namespace tessera
