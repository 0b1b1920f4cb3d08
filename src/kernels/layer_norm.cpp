#include "kernels/layer_norm.h"

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/dropout-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One row; returns 1/√(variance + epsilon).
float NormRow(const float* x, const float* gamma, const float* beta, float epsilon, size_t n,
              float* normalized, float* y) {
  // Measured from the first element, the mean of a constant row is exact: its variance is 0, not
  // the rounding errors' that a small epsilon would then blow up to order 1.
  const float first = x[0];
  const float mean = first + SumLanes(n, [&](size_t i, auto d) HWY_ATTR {
                               return hn::Sub(hn::LoadU(d, x + i), hn::Set(d, first));
                             }) / static_cast<float>(n);
  const float variance = SumLanes(n,
                                  [&](size_t i, auto d) HWY_ATTR {
                                    const auto c = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
                                    return hn::Mul(c, c);
                                  }) /
                         static_cast<float>(n);
  const float inverse_std = 1.0F / std::sqrt(variance + epsilon);
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto c = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
    const auto hat = hn::Mul(c, hn::Set(d, inverse_std));
    hn::StoreU(hat, d, normalized + i);
    hn::StoreU(hn::MulAdd(hat, hn::LoadU(d, gamma + i), hn::LoadU(d, beta + i)), d, y + i);
  });
  return inverse_std;
}

// dx = inverse_std · (g − mean(g) − x̂ · mean(g · x̂)), g = dy · gamma.
void NormRowBackward(const float* normalized, float inverse_std, const float* gamma,
                     const float* dy, size_t n, float* dx) {
  const float scale = 1.0F / static_cast<float>(n);
  const float mean_g = scale * SumLanes(n, [&](size_t i, auto d) HWY_ATTR {
                         return hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, gamma + i));
                       });
  const float mean_gx = scale * SumLanes(n, [&](size_t i, auto d) HWY_ATTR {
                          return hn::Mul(hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, gamma + i)),
                                         hn::LoadU(d, normalized + i));
                        });
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    auto g = hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, gamma + i));
    g = hn::Sub(g, hn::Set(d, mean_g));
    g = hn::NegMulAdd(hn::LoadU(d, normalized + i), hn::Set(d, mean_gx), g);
    hn::StoreU(hn::Mul(g, hn::Set(d, inverse_std)), d, dx + i);
  });
}

// sum = residual + dropout(x + bias).
void AddDropped(const float* residual, const float* bias, std::uint64_t stream, std::uint32_t first,
                std::int32_t threshold, float scale, const float* x, size_t n, float* sum) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto keep = KeepMask(d, stream, first + static_cast<std::uint32_t>(i), threshold);
    const auto branch = hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i));
    const auto kept = hn::IfThenElseZero(keep, hn::Mul(branch, hn::Set(d, scale)));
    hn::StoreU(hn::Add(kept, hn::LoadU(d, residual + i)), d, sum + i);
  });
}

void CopyDropped(const float* x, std::uint64_t stream, std::uint32_t first, std::int32_t threshold,
                 float scale, size_t n, float* y) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    const auto keep = KeepMask(d, stream, first + static_cast<std::uint32_t>(i), threshold);
    hn::StoreU(hn::IfThenElseZero(keep, hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale))), d, y + i);
  });
}

// Σ over rows of dy · x̂, columns [first, last).
void ProductColumnSums(const MatrixView<const float>& dy, const MatrixView<const float>& normalized,
                       size_t first, size_t last, float* sums) {
  ForLanes(last - first, [&](size_t i, auto d) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (size_t row = 0; row < dy.rows; ++row) {
      sum = hn::MulAdd(hn::LoadU(d, dy[row] + first + i), hn::LoadU(d, normalized[row] + first + i),
                       sum);
    }
    hn::StoreU(sum, d, sums + first + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(NormRow);
HWY_EXPORT(NormRowBackward);
HWY_EXPORT(ProductColumnSums);
HWY_EXPORT(AddDropped);
HWY_EXPORT(CopyDropped);
constexpr std::size_t kRowGrain = 64;
constexpr std::size_t kLine = 16;

void parameter_gradients(MatrixView<const float> normalized, MatrixView<const float> dy,
                         std::span<float> dgamma, std::span<float> dbeta) {
  column_sums(dy, dbeta);
  // Threads share the columns in whole cache lines, so that every sum has one fixed order.
  const std::size_t lines = (dy.cols + kLine - 1) / kLine;
  parallel_for(lines, 1, [&](std::size_t begin, std::size_t end) {
    HWY_DYNAMIC_DISPATCH(ProductColumnSums)
    (dy, normalized, begin * kLine, std::min(end * kLine, dy.cols), dgamma.data());
  });
}

// A mask as the lanes compare with it.
struct Dropping {
  explicit Dropping(const DropoutMask& mask)
      : stream(mix_bits(mask.stream)),  // neighbouring streams would drop alike
        threshold(drop_threshold(mask.probability)),
        scale(1.0F / (1.0F - mask.probability)) {}
  std::uint64_t stream;
  std::int32_t threshold;  // -1 drops nothing
  float scale;
};
}  // namespace

void layer_norm(MatrixView<const float> x, std::span<const float> gamma,
                std::span<const float> beta, float epsilon, MatrixView<float> normalized,
                std::span<float> inverse_std, MatrixView<float> y) {
  parallel_for(x.rows, kRowGrain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      inverse_std[i] = HWY_DYNAMIC_DISPATCH(NormRow)(x[i], gamma.data(), beta.data(), epsilon,
                                                     x.cols, normalized[i], y[i]);
    }
  });
}

void layer_norm_backward(MatrixView<const float> normalized, std::span<const float> inverse_std,
                         std::span<const float> gamma, MatrixView<const float> dy,
                         MatrixView<float> dx, std::span<float> dgamma, std::span<float> dbeta) {
  parameter_gradients(normalized, dy, dgamma, dbeta);
  parallel_for(dy.rows, kRowGrain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      HWY_DYNAMIC_DISPATCH(NormRowBackward)
      (normalized[i], inverse_std[i], gamma.data(), dy[i], dy.cols, dx[i]);
    }
  });
}

void residual_layer_norm(MatrixView<const float> residual, std::span<const float> bias,
                         const DropoutMask& mask, std::span<const float> gamma,
                         std::span<const float> beta, float epsilon, MatrixView<float> x,
                         MatrixView<float> normalized, std::span<float> inverse_std) {
  const Dropping dropping(mask);
  parallel_for(x.rows, kRowGrain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      HWY_DYNAMIC_DISPATCH(AddDropped)
      (residual[i], bias.data(), dropping.stream, static_cast<std::uint32_t>(i * x.cols),
       dropping.threshold, dropping.scale, x[i], x.cols, x[i]);
      inverse_std[i] = HWY_DYNAMIC_DISPATCH(NormRow)(x[i], gamma.data(), beta.data(), epsilon,
                                                     x.cols, normalized[i], x[i]);
    }
  });
}

void residual_layer_norm_backward(MatrixView<const float> normalized,
                                  std::span<const float> inverse_std, std::span<const float> gamma,
                                  const DropoutMask& mask, MatrixView<float> dy,
                                  MatrixView<float> dx, std::span<float> dgamma,
                                  std::span<float> dbeta) {
  parameter_gradients(normalized, dy, dgamma, dbeta);
  const Dropping dropping(mask);
  parallel_for(dy.rows, kRowGrain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      HWY_DYNAMIC_DISPATCH(NormRowBackward)
      (normalized[i], inverse_std[i], gamma.data(), dy[i], dy.cols, dy[i]);
      HWY_DYNAMIC_DISPATCH(CopyDropped)
      (dy[i], dropping.stream, static_cast<std::uint32_t>(i * dy.cols), dropping.threshold,
       dropping.scale, dy.cols, dx[i]);
    }
  });
}

}  // namespace tessera
#endif
