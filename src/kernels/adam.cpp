#include "kernels/adam.h"

#include <cmath>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adam.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// value −= rate · m / (√v · correction + ε), the bias corrections being folded into both factors.
void AdamRange(const AdamSettings& s, float rate, float correction, const float* grad, float* m,
               float* v, float* value, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto g = hn::LoadU(d, grad + i);
    const auto m1 = hn::MulAdd(hn::Set(d, s.beta1), hn::LoadU(d, m + i),
                               hn::Mul(hn::Set(d, 1.0F - s.beta1), g));
    const auto v1 = hn::MulAdd(hn::Set(d, s.beta2), hn::LoadU(d, v + i),
                               hn::Mul(hn::Set(d, 1.0F - s.beta2), hn::Mul(g, g)));
    hn::StoreU(m1, d, m + i);
    hn::StoreU(v1, d, v + i);
    const auto root = hn::MulAdd(hn::Sqrt(v1), hn::Set(d, correction), hn::Set(d, s.epsilon));
    const auto change = hn::Div(hn::Mul(hn::Set(d, rate), m1), root);
    hn::StoreU(hn::Sub(hn::LoadU(d, value + i), change), d, value + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AdamRange);
}

void adam_update(const AdamSettings& settings, std::uint64_t step, std::span<const float> grad,
                 std::span<float> m, std::span<float> v, std::span<float> value) {
  const auto t = static_cast<double>(step);
  const auto rate =
      static_cast<float>(settings.learning_rate / (1.0 - std::pow(double{settings.beta1}, t)));
  const auto correction =
      static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(double{settings.beta2}, t)));
  // Parts of whole vectors, so that the rounding of an element does not depend on its thread.
  constexpr std::size_t kBlock = 64;
  const std::size_t blocks = (value.size() + kBlock - 1) / kBlock;
  parallel_for(blocks, 128, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kBlock;
    const std::size_t count = std::min(end * kBlock, value.size()) - first;
    HWY_DYNAMIC_DISPATCH(AdamRange)
    (settings, rate, correction, grad.data() + first, m.data() + first, v.data() + first,
     value.data() + first, count);
  });
}

}  // namespace tessera
#endif
