#include "kernels/adam.h"

#include <algorithm>
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

// One row from update `from` (made) to update `last`; see adam_update_rows.
template <class D>
HWY_INLINE void AdamLanes(D d, const AdamSettings& s, const AdamFactors* factors, size_t from,
                          size_t last, const float* grad, float* m, float* v, float* value) {
  const auto beta1 = hn::Set(d, s.beta1);
  const auto beta2 = hn::Set(d, s.beta2);
  auto m1 = hn::LoadU(d, m);
  auto v1 = hn::LoadU(d, v);
  auto x = hn::LoadU(d, value);
  const auto moved = [&](size_t step) HWY_ATTR {
    const AdamFactors& f = factors[step - 1];
    const auto root = hn::MulAdd(hn::Sqrt(v1), hn::Set(d, f.correction), hn::Set(d, s.epsilon));
    return hn::Sub(x, hn::Div(hn::Mul(hn::Set(d, f.rate), m1), root));
  };
  const size_t idle = grad != nullptr ? last - 1 : last;
  for (size_t step = from + 1; step <= idle; ++step) {
    m1 = hn::Mul(beta1, m1);
    v1 = hn::Mul(beta2, v1);
    const auto next = moved(step);
    // From here on each change is smaller than the one before.
    constexpr size_t kShrinking = 16;
    if (step > kShrinking && hn::AllTrue(d, hn::Eq(next, x))) {
      const auto rest = static_cast<double>(idle - step);
      m1 = hn::Mul(m1, hn::Set(d, static_cast<float>(std::pow(double{s.beta1}, rest))));
      v1 = hn::Mul(v1, hn::Set(d, static_cast<float>(std::pow(double{s.beta2}, rest))));
      break;
    }
    x = next;
  }
  if (grad != nullptr) {
    const auto g = hn::LoadU(d, grad);
    m1 = hn::MulAdd(beta1, m1, hn::Mul(hn::Set(d, 1.0F - s.beta1), g));
    v1 = hn::MulAdd(beta2, v1, hn::Mul(hn::Set(d, 1.0F - s.beta2), hn::Mul(g, g)));
    x = moved(last);
  }
  hn::StoreU(m1, d, m);
  hn::StoreU(v1, d, v);
  hn::StoreU(x, d, value);
}

void AdamRow(const AdamSettings& s, const AdamFactors* factors, size_t from, size_t last,
             const float* grad, float* m, float* v, float* value, size_t n) {
  const hn::CappedTag<float, 8> wide;  // ID tokens are short
  const hn::CappedTag<float, 1> one;
  size_t i = 0;
  const auto at = [&](const float* p) { return p != nullptr ? p + i : nullptr; };
  for (; i + hn::Lanes(wide) <= n; i += hn::Lanes(wide)) {
    AdamLanes(wide, s, factors, from, last, at(grad), m + i, v + i, value + i);
  }
  for (; i < n; ++i) AdamLanes(one, s, factors, from, last, at(grad), m + i, v + i, value + i);
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AdamRange);
HWY_EXPORT(AdamRow);
}  // namespace

AdamFactors adam_factors(const AdamSettings& settings, std::uint64_t step) {
  constexpr double kLeast = 0.02;
  const auto t = static_cast<double>(step);
  double rate = settings.learning_rate;
  if (settings.decay_updates > 0) {
    rate *= std::max(kLeast, 1.0 - (t - 1.0) / static_cast<double>(settings.decay_updates));
  }
  return {static_cast<float>(rate / (1.0 - std::pow(double{settings.beta1}, t))),
          static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(double{settings.beta2}, t)))};
}

void adam_update_rows(const AdamSettings& settings, std::span<const AdamFactors> factors,
                      std::uint64_t last, std::span<const std::int32_t> rows,
                      MatrixView<const float> grad, MatrixView<float> m, MatrixView<float> v,
                      MatrixView<float> value, std::span<float> done) {
  parallel_for(rows.size(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto row = static_cast<std::size_t>(rows[i]);
      HWY_DYNAMIC_DISPATCH(AdamRow)
      (settings, factors.data(), static_cast<std::size_t>(done[row]), last,
       grad.data != nullptr ? grad[row] : nullptr, m[row], v[row], value[row], value.cols);
      done[row] = static_cast<float>(last);
    }
  });
}

void adam_update(const AdamSettings& settings, std::uint64_t step, std::span<const float> grad,
                 std::span<float> m, std::span<float> v, std::span<float> value) {
  const AdamFactors factors = adam_factors(settings, step);
  // Parts of whole vectors, so that the rounding of an element does not depend on its thread.
  constexpr std::size_t kBlock = 64;
  const std::size_t blocks = (value.size() + kBlock - 1) / kBlock;
  parallel_for(blocks, 128, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kBlock;
    const std::size_t count = std::min(end * kBlock, value.size()) - first;
    HWY_DYNAMIC_DISPATCH(AdamRange)
    (settings, factors.rate, factors.correction, grad.data() + first, m.data() + first,
     v.data() + first, value.data() + first, count);
  });
}

}  // namespace tessera
#endif
