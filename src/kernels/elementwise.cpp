#include "kernels/elementwise.h"

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/dropout-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddBias(float* x, const float* bias, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i)), d, x + i);
  });
}

void BiasRelu(float* x, const float* bias, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::Max(hn::Zero(d), hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i))), d,
               x + i);
  });
}

void ReluBackward(const float* y, float* dy, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto active = hn::Gt(hn::LoadU(d, y + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(active, hn::LoadU(d, dy + i)), d, dy + i);
  });
}

// Φ(x) and exp(-x²/2), which both directions of GELU share.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF NormalCdf(DF d, VF x, VF& gauss) {
  const VF one = hn::Set(d, 1.0F);
  const VF half = hn::Set(d, 0.5F);
  const VF z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678118654752F));
  // Below -87 expf underflows: the clamp keeps Exp within its range.
  gauss = hn::Exp(d, hn::Max(hn::Neg(hn::Mul(z, z)), hn::Set(d, -87.0F)));
  const VF t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911F), z, one));
  VF poly = hn::Set(d, 1.061405429F);
  poly = hn::MulAdd(poly, t, hn::Set(d, -1.453152027F));
  poly = hn::MulAdd(poly, t, hn::Set(d, 1.421413741F));
  poly = hn::MulAdd(poly, t, hn::Set(d, -0.284496736F));
  poly = hn::MulAdd(poly, t, hn::Set(d, 0.254829592F));
  const VF tail = hn::Mul(half, hn::Mul(hn::Mul(poly, t), gauss));  // Φ(-|x|)
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
}

void BiasGelu(float* x, const float* bias, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto value = hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i));
    hn::StoreU(value, d, x + i);
    auto gauss = value;
    hn::StoreU(hn::Mul(value, NormalCdf(d, value, gauss)), d, y + i);
  });
}

void GeluBackward(const float* x, float* dy, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto value = hn::LoadU(d, x + i);
    auto gauss = value;
    const auto cdf = NormalCdf(d, value, gauss);
    const auto density = hn::Mul(gauss, hn::Set(d, 0.39894228040143268F));
    const auto slope = hn::MulAdd(value, density, cdf);
    hn::StoreU(hn::Mul(hn::LoadU(d, dy + i), slope), d, dy + i);
  });
}

void AddScaled(float alpha, const float* x, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

// Sums of columns [first, last) over all rows, one vector of columns at a time.
// Four vectors of columns at a time: whole cache lines, and additions that do not wait for each
// other.
void ColumnSums(const MatrixView<const float>& x, size_t first, size_t last, float* sums) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t c = first;
  for (; c + 4 * lanes <= last; c += 4 * lanes) {
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t row = 0; row < x.rows; ++row) {
      const float* at = x[row] + c;
      sum0 = hn::Add(sum0, hn::LoadU(d, at));
      sum1 = hn::Add(sum1, hn::LoadU(d, at + lanes));
      sum2 = hn::Add(sum2, hn::LoadU(d, at + 2 * lanes));
      sum3 = hn::Add(sum3, hn::LoadU(d, at + 3 * lanes));
    }
    hn::StoreU(sum0, d, sums + c);
    hn::StoreU(sum1, d, sums + c + lanes);
    hn::StoreU(sum2, d, sums + c + 2 * lanes);
    hn::StoreU(sum3, d, sums + c + 3 * lanes);
  }
  ForLanes(last - c, [&](size_t i, auto one) HWY_ATTR {
    auto sum = hn::Zero(one);
    for (size_t row = 0; row < x.rows; ++row) sum = hn::Add(sum, hn::LoadU(one, x[row] + c + i));
    hn::StoreU(sum, one, sums + c + i);
  });
}

float Dot(const float* a, const float* b, size_t n) {
  return SumLanes(n, [&](size_t i, auto d)
                         HWY_ATTR { return hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); });
}

void Dropout(float* x, size_t n, std::uint64_t stream, std::uint32_t first, std::int32_t threshold,
             float scale) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto keep = KeepMask(d, stream, first + static_cast<std::uint32_t>(i), threshold);
    hn::StoreU(hn::IfThenElseZero(keep, hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale))), d, x + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {

HWY_EXPORT(AddBias);
HWY_EXPORT(BiasRelu);
HWY_EXPORT(ReluBackward);
HWY_EXPORT(BiasGelu);
HWY_EXPORT(GeluBackward);
HWY_EXPORT(AddScaled);
HWY_EXPORT(ColumnSums);
HWY_EXPORT(Dot);
HWY_EXPORT(Dropout);

// Rows a thread should have at least, so that a parallel region is worth its start.
std::size_t row_grain(std::size_t cols) { return 1 + 16384 / std::max<std::size_t>(cols, 1); }

template <class Body>
void for_rows(std::size_t rows, std::size_t cols, const Body& body) {
  parallel_for(rows, row_grain(cols), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace

void add_bias(MatrixView<float> x, std::span<const float> bias) {
  for_rows(x.rows, x.cols,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(AddBias)(x[i], bias.data(), x.cols); });
}

void bias_relu(MatrixView<float> x, std::span<const float> bias) {
  for_rows(x.rows, x.cols,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(BiasRelu)(x[i], bias.data(), x.cols); });
}

void relu_backward(MatrixView<const float> y, MatrixView<float> dy) {
  for_rows(y.rows, y.cols,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(ReluBackward)(y[i], dy[i], y.cols); });
}

void bias_gelu(MatrixView<float> x, std::span<const float> bias, MatrixView<float> y) {
  for_rows(x.rows, x.cols * 8,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(BiasGelu)(x[i], bias.data(), y[i], x.cols); });
}

void gelu_backward(MatrixView<const float> x, MatrixView<float> dy) {
  for_rows(x.rows, x.cols * 8,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(GeluBackward)(x[i], dy[i], x.cols); });
}

void add_scaled(float alpha, MatrixView<const float> x, MatrixView<float> y) {
  for_rows(x.rows, x.cols,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(AddScaled)(alpha, x[i], y[i], x.cols); });
}

void add_scaled_rows(std::span<const float> scales, MatrixView<const float> x,
                     MatrixView<float> y) {
  for_rows(x.rows, x.cols,
           [&](std::size_t i) { HWY_DYNAMIC_DISPATCH(AddScaled)(scales[i], x[i], y[i], x.cols); });
}

void column_sums(MatrixView<const float> x, std::span<float> sums) {
  // Threads share the columns in blocks as ColumnSums likes them, so that every sum has one fixed
  // order.
  constexpr std::size_t kLine = 64;
  const std::size_t lines = (x.cols + kLine - 1) / kLine;
  parallel_for(lines, 1 + 16384 / std::max<std::size_t>(x.rows * kLine, 1),
               [&](std::size_t begin, std::size_t end) {
                 HWY_DYNAMIC_DISPATCH(ColumnSums)
                 (x, begin * kLine, std::min(end * kLine, x.cols), sums.data());
               });
}

float dot(std::span<const float> a, std::span<const float> b) {
  return HWY_DYNAMIC_DISPATCH(Dot)(a.data(), b.data(), a.size());
}

double cosine(std::span<const float> a, std::span<const float> b) {
  const double norms = std::sqrt(double{dot(a, a)} * dot(b, b));
  return norms > 0 ? dot(a, b) / norms : 0.0;
}

void row_dots(MatrixView<const float> a, MatrixView<const float> b, std::span<float> out) {
  for_rows(a.rows, a.cols,
           [&](std::size_t i) { out[i] = HWY_DYNAMIC_DISPATCH(Dot)(a[i], b[i], a.cols); });
}

void dropout(MatrixView<float> x, float probability, std::uint64_t stream) {
  if (probability <= 0.0F) return;
  const std::uint64_t mixed = mix_bits(stream);  // neighbouring streams would drop alike
  const std::int32_t threshold = drop_threshold(probability);
  const float scale = 1.0F / (1.0F - probability);
  for_rows(x.rows, x.cols * 4, [&](std::size_t i) {
    HWY_DYNAMIC_DISPATCH(Dropout)
    (x[i], x.cols, mixed, static_cast<std::uint32_t>(i * x.cols), threshold, scale);
  });
}

}  // namespace tessera
#endif
