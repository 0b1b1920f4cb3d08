#pragma once
#include <ostream>

#include "model/metrics.h"

namespace tessera {

inline bool operator==(const TargetPlace& a, const TargetPlace& b) {
  return a.better == b.better && a.tied == b.tied;
}
inline void PrintTo(const TargetPlace& place, std::ostream* out) {
  *out << place.better << "+" << place.tied;
}

}  // namespace tessera
