#pragma once
#include "base/safetensors.h"
#include "index/scoring_tables.h"
#include "kernels/scan.h"

namespace tessera {

/// Axes along which blocks have boxes and items fields of 4 bits, and how many axes at most have
/// fields of 2 bits behind them.
inline constexpr std::size_t kBoxAxes = 16;
inline constexpr std::size_t kLeastBallAxes = 8;
inline constexpr std::size_t kMostBallAxes = 56;

/// The directions in which a model's scores differ most, whatever its items are made of.
///
/// An item vector v has the places y = to_axes · (v − centre), and a state s the weights t with
/// s = to_axesᵀ · t, so that <s, v> = <s, centre> + <t, y>. The axes are the principal components
/// of item vectors after states have been made alike in all directions (whitened by their second
/// moment, with a ridge): the first ones hold most of the scores' variance.
struct ScoreAxes {
  Matrix to_axes;             ///< [width, width]
  std::vector<float> centre;  ///< [width]
  std::size_t ball_axes = 0;  ///< 8, 24 or kMostBallAxes: fields fill their groups of bytes
  // Derived from the above:
  std::vector<double> to_weights;  ///< [width, width], the inverse of to_axes: row j is what 1 of
                                   ///< state component j adds
  double rounding =
      0.0;  ///< places in single precision are off by this share of ‖v − centre‖, at most

  std::size_t width() const { return centre.size(); }
  /// Fields of an item: box axes and four lengths of what these leave over, then ball axes.
  ScanShape shape() const { return {.quads = kBoxAxes / 4 + 1, .octets = ball_axes / 8}; }
};

/// Of items like those of `vectors` [any, width] for states like those of `states` [any, width];
/// where there are none any direction is as likely as another. Values are finite and at most
/// kLargestValue.
ScoreAxes score_axes(std::size_t width, MatrixView<const float> vectors,
                     MatrixView<const float> states);
/// Of a trained model: of a sample of its catalogue, for states after single items of it.
ScoreAxes score_axes(const Recommender& model, const Catalogue& catalogue);

/// t of a state [width].
std::vector<double> axis_weights(const ScoreAxes& axes, std::span<const float> state);

/// The axes as tensors that look into them, and back. read_axes throws Error that names the file if
/// they have another width.
std::map<std::string, Tensor> axes_tensors(const ScoreAxes& axes);
ScoreAxes read_axes(const SafeTensors& file, std::size_t width, std::size_t ball_axes);

}  // namespace tessera
