#pragma once
#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace tessera::testing {

/// Makes the kernels use one SIMD target for as long as it lives.
class SimdTarget {
 public:
  explicit SimdTarget(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~SimdTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  SimdTarget(const SimdTarget&) = delete;
  SimdTarget& operator=(const SimdTarget&) = delete;
};

/// The targets that the kernels are built for and this machine has, the widest first.
inline std::vector<std::int64_t> simd_targets() { return hwy::SupportedAndGeneratedTargets(); }

}  // namespace tessera::testing
