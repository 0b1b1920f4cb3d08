#include "kernels/full_attention.h"

#include <cmath>

#include "base/parallel.h"
#include "kernels/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/full_attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Softmax(float* x, size_t n) {
  float largest = x[0];
  for (size_t i = 1; i < n; ++i) largest = HWY_MAX(largest, x[i]);
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto below = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, largest));
    hn::StoreU(hn::Exp(d, hn::Max(below, hn::Set(d, -87.0F))), d, x + i);
  });
  const float sum = SumLanes(n, [&](size_t i, auto d) HWY_ATTR { return hn::LoadU(d, x + i); });
  const float inverse = 1.0F / sum;
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, inverse)), d, x + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(Softmax);

std::size_t length_of(SequenceOffsets offsets, std::size_t s) {
  return static_cast<std::size_t>(offsets[s + 1] - offsets[s]);
}

std::size_t scores_of_longest(SequenceOffsets offsets) {
  std::size_t longest = 0;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    longest = std::max(longest, length_of(offsets, s));
  }
  return longest * longest;
}

}  // namespace

std::size_t full_attention_scratch(SequenceOffsets offsets) {
  return static_cast<std::size_t>(thread_count()) * scores_of_longest(offsets);
}

void full_attention(SequenceOffsets offsets, std::size_t heads, MatrixView<const float> q,
                    MatrixView<const float> k, MatrixView<const float> v, std::span<float> scratch,
                    MatrixView<float> out) {
  const std::size_t tasks = (offsets.size() - 1) * heads;
  const std::size_t dims = q.cols / heads;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dims));
  const std::size_t room = scores_of_longest(offsets);
  const auto attend = [&](std::size_t task, float* scores_at) {
    const std::size_t s = task / heads;
    const std::size_t length = length_of(offsets, s);
    const auto head = [&](auto packed) {
      return packed.row_block(static_cast<std::size_t>(offsets[s]), length)
          .col_block(task % heads * dims, dims);
    };
    const MatrixView<float> scores(scores_at, length, length);
    gemm(Transpose::no, Transpose::yes, scale, head(q), head(k), 0.0F, scores);
    for (std::size_t i = 0; i < length; ++i) HWY_DYNAMIC_DISPATCH(Softmax)(scores[i], length);
    gemm(Transpose::no, Transpose::no, 1.0F, scores, head(v), 0.0F, head(out));
  };
  // A thread has its own part of the scratch memory.
  const auto parts = static_cast<std::size_t>(thread_count());
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t part = begin; part < end; ++part) {
      for (std::size_t t = tasks * part / parts; t < tasks * (part + 1) / parts; ++t) {
        attend(t, scratch.data() + part * room);
      }
    }
  });
}

}  // namespace tessera
#endif
