#include "model/text_kernel.h"

#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "linear/inverse_factor.h"
#include "model/text_map.h"

namespace tessera {
namespace {

constexpr std::size_t kCentres = 4096;
constexpr float kRidge = 1.0F;    // as large as what a text knows of itself
constexpr float kJitter = 1e-3F;  // texts may be equal; far below the ridge, far above rounding
constexpr std::size_t kBlock = 2048;
constexpr float kMostOwn = 0.999F;  // share of its own factors in a prediction

// exp(−‖text i − centre j‖²), [texts, centres].
void nearness(MatrixView<const float> text, MatrixView<const float> centres,
              MatrixView<float> out) {
  std::vector<float> lengths(centres.rows), own(text.rows);
  row_dots(centres, centres, lengths);
  row_dots(text, text, own);
  gemm(Transpose::no, Transpose::yes, 2.0F, text, centres, 0.0F, out);
  parallel_for(text.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t j = 0; j < centres.rows; ++j) {
        out[i][j] = std::exp(out[i][j] - own[i] - lengths[j]);
      }
    }
  });
}

// One fit: texts become features in which the centres' kernel is the identity, and a 1, and a
// ridge regression follows.
class Fit {
 public:
  Fit(MatrixView<const float> text, MatrixView<const float> factors,
      std::span<const std::int32_t> items)
      : text_(text), factors_(factors), items_(items) {
    const std::size_t count = std::min(items.size(), kCentres);
    kernel_.centres = Matrix(count, text.cols);
    gather_rows(text, items.first(count), kernel_.centres);
    for (float& x : kernel_.centres.span()) x = half_precision(x);
    whitening_ = Matrix(count, count);
    nearness(kernel_.centres, kernel_.centres, whitening_);
    for (std::size_t j = 0; j < count; ++j) whitening_[j][j] += kJitter;
    invert_factor(whitening_);
    regress();
  }

  TextKernel kernel(MatrixView<float> predicted) {
    predict(predicted);
    const auto scale = static_cast<float>(leave_out(predicted));
    for (std::size_t i = 0; i < predicted.rows; ++i) {
      for (float& x : predicted.row(i)) x *= scale;
    }
    for (float& weight : kernel_.weights.span()) weight *= scale;
    return std::move(kernel_);
  }

 private:
  std::size_t centres() const { return kernel_.centres.rows(); }
  std::size_t features() const { return centres() + 1; }

  // Calls visit(first, nearness, arena) for blocks of the items, [some, centres].
  template <class Visit>
  void for_each_block(const Visit& visit) {
    StepArena arena;
    for (std::size_t first = 0; first < items_.size(); first += kBlock) {
      arena.reset();
      const auto block = items_.subspan(first, std::min(kBlock, items_.size() - first));
      const MatrixView<float> text = arena.matrix(block.size(), text_.cols);
      gather_rows(text_, block, text);
      const MatrixView<float> near = arena.matrix(block.size(), centres());
      nearness(text, kernel_.centres, near);
      visit(first, near, arena);
    }
  }

  void regress() {
    const std::size_t dims = factors_.cols;
    turn_ = Matrix(features(), features());
    Matrix sums(features(), dims), turned(features(), dims), weights(features(), dims);
    for_each_block([&](std::size_t first, MatrixView<float> near, StepArena& arena) {
      const MatrixView<float> found = arena.matrix(near.rows, features());
      gemm(Transpose::no, Transpose::yes, 1.0F, near, whitening_, 0.0F,
           found.col_block(0, centres()));
      for (std::size_t i = 0; i < found.rows; ++i) found[i][centres()] = 1.0F;
      const MatrixView<float> own = arena.matrix(near.rows, dims);
      gather_rows(factors_, items_.subspan(first, near.rows), own);
      gemm(Transpose::yes, Transpose::no, 1.0F, found, found, 1.0F, turn_);
      gemm(Transpose::yes, Transpose::no, 1.0F, found, own, 1.0F, sums);
    });
    for (std::size_t f = 0; f < features(); ++f) turn_[f][f] += kRidge;
    invert_factor(turn_);
    gemm(Transpose::no, Transpose::no, 1.0F, turn_, sums, 0.0F, turned);
    gemm(Transpose::yes, Transpose::no, 1.0F, turn_, turned, 0.0F, weights);
    kernel_.weights = Matrix(features(), dims);
    gemm(Transpose::yes, Transpose::no, 1.0F, whitening_, weights.view().row_block(0, centres()),
         0.0F, kernel_.weights.view().row_block(0, centres()));
    std::ranges::copy(weights.view().row(centres()), kernel_.weights[centres()]);
  }

  void predict(MatrixView<float> predicted) {
    StepArena arena;
    for (std::size_t first = 0; first < text_.rows; first += kBlock) {
      arena.reset();
      const std::size_t count = std::min(kBlock, text_.rows - first);
      kernel_.predict(text_.row_block(first, count), predicted.row_block(first, count), arena);
    }
  }

  // Takes the items' own factors out of what is predicted of them. Returns by how much factors are
  // longer than that.
  double leave_out(MatrixView<float> predicted) {
    double squares[] = {0.0, 0.0};       // predicted, taught
    Matrix both(features(), centres());  // from nearness to turned features
    gemm(Transpose::no, Transpose::no, 1.0F, turn_.view().col_block(0, centres()), whitening_, 0.0F,
         both);
    for_each_block([&](std::size_t first, MatrixView<float> near, StepArena& arena) {
      const MatrixView<float> turned = arena.matrix(near.rows, features());
      for (std::size_t f = 0; f < features(); ++f) turned[0][f] = turn_[f][centres()];
      for (std::size_t i = 1; i < near.rows; ++i) std::copy_n(turned[0], features(), turned[i]);
      gemm(Transpose::no, Transpose::yes, 1.0F, near, both, 1.0F, turned);
      for (std::size_t i = 0; i < near.rows; ++i) {
        const auto item = static_cast<std::size_t>(items_[first + i]);
        const std::span<float> others = predicted.row(item);
        const std::span<const float> own = factors_.row(item);
        const float share = std::min(static_cast<float>(squared_length(turned.row(i))), kMostOwn);
        for (std::size_t d = 0; d < own.size(); ++d) {
          others[d] = (others[d] - share * own[d]) / (1.0F - share);
        }
        squares[0] += squared_length(others);
        squares[1] += squared_length(own);
      }
    });
    return squares[0] > 0.0 ? std::sqrt(squares[1] / squares[0]) : 1.0;
  }

  MatrixView<const float> text_, factors_;
  std::span<const std::int32_t> items_;
  TextKernel kernel_;
  Matrix whitening_;  // W, with W K Wᵀ = 1 for the kernel K among centres
  Matrix turn_;       // the same of the features' second moments and the ridge
};

}  // namespace

void TextKernel::predict(MatrixView<const float> text, MatrixView<float> factors,
                         StepArena& arena) const {
  MatrixView<const float> inputs = text;
  if (centres.rows() > 0) {
    const MatrixView<float> near = arena.matrix(text.rows, centres.rows());
    nearness(text, centres, near);
    inputs = near;
  }
  const std::size_t count = inputs.cols;
  for (std::size_t i = 0; i < factors.rows; ++i) {
    std::copy_n(weights[count], factors.cols, factors[i]);
  }
  gemm(Transpose::no, Transpose::no, 1.0F, inputs, weights.view().row_block(0, count), 1.0F,
       factors);
}

TextKernel fit_text_kernel(MatrixView<const float> text, MatrixView<const float> factors,
                           std::span<const std::int32_t> items, MatrixView<float> predicted) {
  if (items.empty()) {
    for (std::size_t i = 0; i < predicted.rows; ++i) std::ranges::fill(predicted.row(i), 0.0F);
    return {{}, Matrix(text.cols + 1, factors.cols)};  // nothing tells anything
  }
  return Fit(text, factors, items).kernel(predicted);
}

}  // namespace tessera
