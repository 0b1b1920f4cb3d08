#include "kernels/convolution.h"

#include <algorithm>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convolution.cpp"
#include <hwy/foreach_target.h>
// After foreach_target:
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// y += a ⊙ x.
void AddProducts(const float* a, const float* x, float* y, size_t n) {
  ForLanes(n, [&](size_t i, auto d) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {
HWY_EXPORT(AddProducts);

constexpr std::size_t kSequencesAtOnce = 16;
constexpr std::size_t kColumnsAtOnce = 16;

// Calls body(first row, length) for the sequences, shared out to threads.
template <class Body>
void for_sequences(SequenceOffsets offsets, const Body& body) {
  parallel_for(offsets.size() - 1, kSequencesAtOnce, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) {
      body(s, static_cast<std::size_t>(offsets[s]),
           static_cast<std::size_t>(offsets[s + 1] - offsets[s]));
    }
  });
}

// y += Σ_k taps[k] ⊙ x[row − k], over `count` positions.
void add_at(MatrixView<const float> x, MatrixView<const float> taps, std::size_t row,
            std::size_t count, float* y) {
  for (std::size_t k = 0; k < count; ++k) {
    HWY_DYNAMIC_DISPATCH(AddProducts)(taps[k], x[row - k], y, x.cols);
  }
}

}  // namespace

void add_causal_convolution(SequenceOffsets offsets, MatrixView<const float> x,
                            MatrixView<const float> taps, MatrixView<float> y) {
  if (taps.rows == 0) return;
  for_sequences(offsets, [&](std::size_t, std::size_t first, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) {
      add_at(x, taps, first + i, std::min(i + 1, taps.rows), y[first + i]);
    }
  });
}

void add_last_convolution(SequenceOffsets offsets, MatrixView<const float> x,
                          MatrixView<const float> taps, MatrixView<float> y) {
  for_sequences(offsets, [&](std::size_t s, std::size_t first, std::size_t length) {
    if (length > 0) add_at(x, taps, first + length - 1, std::min(length, taps.rows), y[s]);
  });
}

void causal_convolution_backward(SequenceOffsets offsets, MatrixView<const float> x,
                                 MatrixView<const float> taps, MatrixView<const float> dy,
                                 MatrixView<float> dx, MatrixView<float> dtaps) {
  if (taps.rows == 0) return;
  for_sequences(offsets, [&](std::size_t, std::size_t first, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) {
      for (std::size_t k = 0; k < std::min(length - i, taps.rows); ++k) {
        HWY_DYNAMIC_DISPATCH(AddProducts)(taps[k], dy[first + i + k], dx[first + i], x.cols);
      }
    }
  });
  // Threads share columns, so that every sum has one fixed order.
  parallel_for((x.cols + kColumnsAtOnce - 1) / kColumnsAtOnce, 1,
               [&](std::size_t begin, std::size_t end) {
                 const std::size_t column = begin * kColumnsAtOnce;
                 const std::size_t count = std::min(end * kColumnsAtOnce, x.cols) - column;
                 for (std::size_t k = 0; k < taps.rows; ++k)
                   std::fill_n(dtaps[k] + column, count, 0.0F);
                 for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
                   const auto first = static_cast<std::size_t>(offsets[s]);
                   for (auto i = first; i < static_cast<std::size_t>(offsets[s + 1]); ++i) {
                     for (std::size_t k = 0; k < std::min(i - first + 1, taps.rows); ++k) {
                       HWY_DYNAMIC_DISPATCH(AddProducts)
                       (dy[i] + column, x[i - k] + column, dtaps[k] + column, count);
                     }
                   }
                 }
               });
}

}  // namespace tessera
#endif
