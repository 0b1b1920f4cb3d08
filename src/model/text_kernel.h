#pragma once
#include "base/arena.h"
#include "base/matrix.h"

namespace tessera {

/// What texts predict of items' factors, by kernels: a weighted sum of how near a text is to those
/// of some items, exp(−‖x − centre‖²), beside texts of unit length.
struct TextKernel {
  /// [centres, text dims], numbers of half precision. Bundles of earlier versions have none:
  /// `weights` is then a linear map, of the text itself.
  Matrix centres;
  Matrix weights;  ///< [centres + 1, dims], the last row for a 1; linear: [text dims + 1, dims]

  /// factors [items, dims] by text [items, text dims]. Scratch comes from the arena.
  void predict(MatrixView<const float> text, MatrixView<float> factors, StepArena& arena) const;
};

/// Kernel ridge regression from text [rows, text dims] to factors [rows, dims] over the rows
/// `items`, with the first 4,096 of these as centres (Nyström's method, Williams and Seeger 2001).
/// `predicted` [rows, dims] is what an item's text predicts of it by the others alone: of `items`
/// each was left out, in closed form (Rasmussen and Williams 2006, 5.4.2). Predictions are scaled
/// until they are as long as factors, in the mean of squares: a regression predicts towards the
/// mean, and short factors would be outscored by all.
TextKernel fit_text_kernel(MatrixView<const float> text, MatrixView<const float> factors,
                           std::span<const std::int32_t> items, MatrixView<float> predicted);

}  // namespace tessera
