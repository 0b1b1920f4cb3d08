#include "kernels/sampled_softmax.h"

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

// What is nothing beside the largest power becomes 0, before its gradient would be a slow subnormal
// number.
template <class D>
HWY_INLINE hn::Vec<D> PowerOf(D d, hn::Vec<D> shifted) {
  const auto least = hn::Set(d, -60.0F);
  return hn::IfThenElseZero(hn::Gt(shifted, least), hn::Exp(d, hn::Max(shifted, least)));
}

// largest[i] ← the largest logit of position i, its positive's included. A negative that is the
// positive gets a logit whose power is 0.
void TakeLargest(const int32_t* positives, const int32_t* negatives, const float* positive_logits,
                 MatrixView<float> logits, float* largest) {
  const size_t positions = logits.cols;
  ForLanes(positions, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::LoadU(d, positive_logits + i), d, largest + i);
  });
  for (size_t j = 0; j < logits.rows; ++j) {
    float* row = logits[j];
    ForLanes(positions, [&](size_t i, auto d) HWY_ATTR {
      const hn::RebindToSigned<decltype(d)> whole;
      const auto own = hn::Eq(hn::LoadU(whole, positives + i), hn::Set(whole, negatives[j]));
      const auto logit =
          hn::IfThenElse(hn::RebindMask(d, own), hn::Set(d, -1e30F), hn::LoadU(d, row + i));
      hn::StoreU(logit, d, row + i);
      hn::StoreU(hn::Max(hn::LoadU(d, largest + i), logit), d, largest + i);
    });
  }
}

// Logits become exp(logit − largest), sum[i] grows by those of position i.
void ExpAndSum(const float* largest, MatrixView<float> logits, float* sum) {
  for (size_t j = 0; j < logits.rows; ++j) {
    float* row = logits[j];
    ForLanes(logits.cols, [&](size_t i, auto d) HWY_ATTR {
      const auto power = PowerOf(d, hn::Sub(hn::LoadU(d, row + i), hn::LoadU(d, largest + i)));
      hn::StoreU(power, d, row + i);
      hn::StoreU(hn::Add(hn::LoadU(d, sum + i), power), d, sum + i);
    });
  }
}

void ScaleColumns(const float* scales, MatrixView<float> x) {
  for (size_t j = 0; j < x.rows; ++j) {
    float* row = x[j];
    ForLanes(x.cols, [&](size_t i, auto d) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(d, row + i), hn::LoadU(d, scales + i)), d, row + i);
    });
  }
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <array>
#include <cmath>

namespace tessera {
HWY_EXPORT(TakeLargest);
HWY_EXPORT(ExpAndSum);
HWY_EXPORT(ScaleColumns);

void sampled_softmax(std::span<const std::int32_t> positives,
                     std::span<const std::int32_t> negatives, std::span<const float> scales,
                     std::span<float> positive_logits, MatrixView<float> negative_logits,
                     std::span<float> losses) {
  // Few enough for their largest logits and sums to stay in the first cache from row to row.
  constexpr std::size_t kPositions = 256;
  std::array<float, kPositions> largest;
  std::array<float, kPositions> sums;
  for (std::size_t first = 0; first < positives.size(); first += kPositions) {
    const std::size_t count = std::min(kPositions, positives.size() - first);
    const MatrixView<float> logits(negative_logits.data + first, negatives.size(), count,
                                   negative_logits.stride);
    float* positive = positive_logits.data() + first;
    HWY_DYNAMIC_DISPATCH(TakeLargest)
    (positives.data() + first, negatives.data(), positive, logits, largest.data());
    for (std::size_t i = 0; i < count; ++i) sums[i] = std::exp(positive[i] - largest[i]);
    HWY_DYNAMIC_DISPATCH(ExpAndSum)(largest.data(), logits, sums.data());
    for (std::size_t i = 0; i < count; ++i) {
      const float scale = scales[first + i];
      losses[first + i] = std::log(sums[i]) - (positive[i] - largest[i]);
      positive[i] = scale * (std::exp(positive[i] - largest[i]) / sums[i] - 1.0F);
      sums[i] = scale / sums[i];
    }
    HWY_DYNAMIC_DISPATCH(ScaleColumns)(sums.data(), logits);
  }
}

}  // namespace tessera
#endif
