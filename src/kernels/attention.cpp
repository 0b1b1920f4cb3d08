#include "kernels/attention.h"

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/dropout-inl.h"
#include "kernels/lanes-inl.h"

namespace tessera {
#ifndef TESSERA_KERNELS_ATTENTION_HEAD_
#define TESSERA_KERNELS_ATTENTION_HEAD_
// One head of one sequence, [length, head dims] each, or q of its last positions alone; P has a row
// for each of q, packed: as long as the positions up to it.
struct HeadView {
  MatrixView<const float> q, k, v;
  float dropout;
  std::uint64_t stream;
  std::uint32_t first;  // number of the head's first probability in the dropout stream
};
#endif
}  // namespace tessera

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE float Dot(const float* a, const float* b, size_t n) {
  return SumLanes(n, [&](size_t i, auto d)
                         HWY_ATTR { return hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); });
}

HWY_INLINE void AddScaled(float alpha, const float* x, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

// Kept probability of pair `pair` after dropout, from the probability p.
HWY_INLINE float Dropped(const HeadView& head, std::uint32_t pair, float p) {
  const hn::CappedTag<float, 1> one;
  const auto keep = KeepMask(one, head.stream, head.first + pair, drop_threshold(head.dropout));
  return hn::GetLane(hn::IfThenElseZero(keep, hn::Set(one, p / (1.0F - head.dropout))));
}

void HeadForward(const HeadView& head, float* p, const MatrixView<float>& out) {
  const size_t dims = head.q.cols;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dims));
  std::uint32_t pair = 0;
  for (size_t i = 0; i < head.q.rows; ++i) {
    const size_t n = head.k.rows - head.q.rows + i + 1;
    float largest = -1e30F;
    for (size_t j = 0; j < n; ++j) {
      p[j] = scale * Dot(head.q[i], head.k[j], dims);
      largest = HWY_MAX(largest, p[j]);
    }
    ForLanes(n, [&](size_t j, auto d) HWY_ATTR {
      const auto x = hn::Sub(hn::LoadU(d, p + j), hn::Set(d, largest));
      hn::StoreU(hn::Exp(d, hn::Max(x, hn::Set(d, -87.0F))), d, p + j);
    });
    const float sum = SumLanes(n, [&](size_t j, auto d) HWY_ATTR { return hn::LoadU(d, p + j); });
    const float inverse = 1.0F / sum;
    float* row = out[i];
    ForLanes(dims, [&](size_t c, auto d) HWY_ATTR { hn::StoreU(hn::Zero(d), d, row + c); });
    for (size_t j = 0; j < n; ++j, ++pair) {
      p[j] *= inverse;
      const float kept = head.dropout > 0.0F ? Dropped(head, pair, p[j]) : p[j];
      AddScaled(kept, head.v[j], row, dims);
    }
    p += n;
  }
}

void HeadBackward(const HeadView& head, const float* p, const MatrixView<const float>& dout,
                  const MatrixView<float>& dq, const MatrixView<float>& dk,
                  const MatrixView<float>& dv) {
  const size_t dims = head.q.cols;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dims));
  for (const MatrixView<float>& grad : {dq, dk, dv}) {
    for (size_t i = 0; i < grad.rows; ++i) {
      float* row = grad[i];
      ForLanes(dims, [&](size_t c, auto d) HWY_ATTR { hn::StoreU(hn::Zero(d), d, row + c); });
    }
  }
  std::uint32_t pair = 0;
  for (size_t i = 0; i < head.q.rows; ++i) {
    const size_t n = i + 1;
    const float* row = dout[i];
    // dp_j = <dout, v_j> where kept; dscore_j = p_j (dp_j − Σ dp p).
    float weighted = 0.0F;
    for (size_t j = 0; j < n; ++j) {
      const float kept = head.dropout > 0.0F ? Dropped(head, pair + j, p[j]) : p[j];
      AddScaled(kept, row, dv[j], dims);
      weighted += kept * Dot(row, head.v[j], dims);
    }
    for (size_t j = 0; j < n; ++j) {
      const float kept = head.dropout > 0.0F ? Dropped(head, pair + j, p[j]) : p[j];
      const float dp = kept * Dot(row, head.v[j], dims);  // p_j · dp_j
      const float dscore = scale * (dp - p[j] * weighted);
      AddScaled(dscore, head.k[j], dq[i], dims);
      AddScaled(dscore, head.q[i], dk[j], dims);
    }
    pair += static_cast<std::uint32_t>(n);
    p += n;
  }
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(HeadForward);
HWY_EXPORT(HeadBackward);

std::size_t pairs(std::size_t length) { return length * (length + 1) / 2; }

std::size_t length_of(SequenceOffsets offsets, std::size_t s) {
  return static_cast<std::size_t>(offsets[s + 1] - offsets[s]);
}

// Where one head of one sequence lies in the packed matrices and among the probabilities.
struct HeadPlace {
  std::size_t row, length, column, dims, first_probability;
  template <class T>
  MatrixView<T> in(MatrixView<T> packed) const {
    return packed.row_block(row, length).col_block(column, dims);
  }
};

// Calls body(head view, place) for each head of each sequence.
template <class Body>
void for_heads(const AttentionShape& shape, MatrixView<const float> q, MatrixView<const float> k,
               MatrixView<const float> v, std::span<const std::size_t> starts, const Body& body) {
  const std::size_t sequences = shape.offsets.size() - 1;
  const std::size_t dims = q.cols / shape.heads;
  const std::uint64_t stream = mix_bits(shape.dropout_stream);  // neighbours would drop alike
  parallel_for(sequences * shape.heads, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t task = begin; task < end; ++task) {
      const std::size_t s = task / shape.heads;
      const std::size_t h = task % shape.heads;
      const std::size_t length = length_of(shape.offsets, s);
      if (length == 0) continue;
      const HeadPlace place{static_cast<std::size_t>(shape.offsets[s]), length, h * dims, dims,
                            starts[s] + h * pairs(length)};
      body(HeadView{place.in(q), place.in(k), place.in(v), shape.dropout, stream,
                    static_cast<std::uint32_t>(place.first_probability)},
           place);
    }
  });
}

}  // namespace

std::size_t attention_probabilities(SequenceOffsets offsets, std::size_t heads) {
  std::size_t count = 0;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    count += heads * pairs(length_of(offsets, s));
  }
  return count;
}

void causal_attention(const AttentionShape& shape, MatrixView<const float> q,
                      MatrixView<const float> k, MatrixView<const float> v,
                      std::span<float> probabilities, std::span<std::size_t> starts,
                      MatrixView<float> out) {
  starts[0] = 0;
  for (std::size_t s = 0; s + 1 < shape.offsets.size(); ++s) {
    starts[s + 1] = starts[s] + shape.heads * pairs(length_of(shape.offsets, s));
  }
  for_heads(shape, q, k, v, starts, [&](const HeadView& head, const HeadPlace& place) {
    HWY_DYNAMIC_DISPATCH(HeadForward)
    (head, probabilities.data() + place.first_probability, place.in(out));
  });
}

void last_attention(SequenceOffsets offsets, std::size_t heads, MatrixView<const float> q,
                    MatrixView<const float> k, MatrixView<const float> v,
                    std::span<float> probabilities, MatrixView<float> out) {
  const std::size_t dims = q.cols / heads;
  parallel_for(q.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) {
      const auto first = static_cast<std::size_t>(offsets[s]);
      const std::size_t length = length_of(offsets, s);
      if (length == 0) std::ranges::fill(out.row(s), 0.0F);
      for (std::size_t h = 0; h < heads && length > 0; ++h) {
        const HeadPlace place{first, length, h * dims, dims, first * heads + h * length};
        const auto in_row = [&](auto m) { return m.row_block(s, 1).col_block(place.column, dims); };
        HWY_DYNAMIC_DISPATCH(HeadForward)
        (HeadView{in_row(q), place.in(k), place.in(v), 0.0F, 0, 0},
         probabilities.data() + place.first_probability, in_row(out));
      }
    }
  });
}

void causal_attention_backward(const AttentionShape& shape, MatrixView<const float> q,
                               MatrixView<const float> k, MatrixView<const float> v,
                               std::span<const float> probabilities,
                               std::span<const std::size_t> starts, MatrixView<const float> dout,
                               MatrixView<float> dq, MatrixView<float> dk, MatrixView<float> dv) {
  for_heads(shape, q, k, v, starts, [&](const HeadView& head, const HeadPlace& place) {
    HWY_DYNAMIC_DISPATCH(HeadBackward)
    (head, probabilities.data() + place.first_probability, place.in(dout), place.in(dq),
     place.in(dk), place.in(dv));
  });
}

}  // namespace tessera
#endif
