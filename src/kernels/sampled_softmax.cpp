#include "kernels/sampled_softmax.h"

#include <cmath>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sampled_softmax.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

float Largest(const float* x, size_t n, float largest) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(d, hn::LoadU(d, x + i))));
  });
  return largest;
}

// x ← exp(x − largest); returns their sum. What is nothing beside the largest's 1 becomes 0, before
// its gradient would be a slow subnormal number.
float ExpAndSum(float* x, size_t n, float largest) {
  return SumLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto shifted = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, largest));
    const auto counts = hn::Gt(shifted, hn::Set(d, -60.0F));
    const auto power = hn::IfThenElseZero(counts, hn::Exp(d, hn::Max(shifted, hn::Set(d, -60.0F))));
    hn::StoreU(power, d, x + i);
    return power;
  });
}

void Scale(float* x, size_t n, float scale) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale)), d, x + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
HWY_EXPORT(Largest);
HWY_EXPORT(ExpAndSum);
HWY_EXPORT(Scale);

void sampled_softmax(std::span<const std::int32_t> positives,
                     std::span<const std::int32_t> negatives, std::span<const float> scales,
                     std::span<float> positive_logits, MatrixView<float> negative_logits,
                     std::span<float> losses) {
  constexpr float kNever = -1e30F;
  const std::size_t count = negatives.size();
  const std::size_t grain = 1 + 4096 / std::max<std::size_t>(count, 1);
  parallel_for(positives.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      float* logits = negative_logits[i];
      for (std::size_t j = 0; j < count; ++j) {
        if (negatives[j] == positives[i]) logits[j] = kNever;
      }
      const float positive = positive_logits[i];
      const float largest = HWY_DYNAMIC_DISPATCH(Largest)(logits, count, positive);
      const float power = std::exp(positive - largest);
      const float sum = power + HWY_DYNAMIC_DISPATCH(ExpAndSum)(logits, count, largest);
      losses[i] = std::log(sum) - (positive - largest);
      positive_logits[i] = scales[i] * (power / sum - 1.0F);
      HWY_DYNAMIC_DISPATCH(Scale)(logits, count, scales[i] / sum);
    }
  });
}

}  // namespace tessera
#endif
