#include "train/text_start.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "linear/principal_axes.h"
#include "model/text_map.h"

namespace tessera {
namespace {

constexpr double kLength = 0.4;                 // beside rows that begin at 0.02 a dim
constexpr std::size_t kMeasuredItems = 65'536;  // of a rank, that axes are found from
constexpr std::size_t kBlock = 16'384;

// Mean and principal axes of the texts of all ranks.
struct TextAxes {
  std::vector<float> mean;
  Matrix axes;  // [text dims, dims], each divided by the root of its deviation
};

TextAxes find_axes(MatrixView<const float> sample, std::size_t dims, const Ranks& ranks) {
  const std::size_t n = sample.cols;
  Matrix products(n, n);
  gemm(Transpose::yes, Transpose::no, 1.0F, sample, sample, 0.0F, products);
  std::vector<double> sums(n * n + n + 1);  // products, then rows, then their number
  std::ranges::copy(products.span(), sums.begin());
  for (std::size_t i = 0; i < sample.rows; ++i) {
    for (std::size_t c = 0; c < n; ++c) sums[n * n + c] += double{sample[i][c]};
  }
  sums.back() = static_cast<double>(sample.rows);
  all_reduce(ranks, std::span(sums));

  const double count = std::max(sums.back(), 1.0);
  for (double& sum : sums) sum /= count;
  const double* mean = sums.data() + n * n;
  TextAxes found{{mean, mean + n}, Matrix(n, dims)};
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) sums[a * n + b] -= mean[a] * mean[b];
  }
  const PrincipalAxes principal = principal_axes(std::span(sums).first(n * n), n);
  for (std::size_t d = 0; d < std::min(dims, n); ++d) {
    const double variance = principal.variances[d];
    if (!(variance > 1e-9 * principal.variances[0])) break;  // the texts have no further axis
    const double scale = 1.0 / std::sqrt(std::sqrt(variance));
    for (std::size_t c = 0; c < n; ++c) {
      found.axes[c][d] = static_cast<float>(scale * principal.axis(d)[c]);
    }
  }
  return found;
}

// Calls body(place in `rows`, text of the row) for each of them, a block at a time; `all` rows are
// here.
template <class Body>
void for_texts(const ReadTexts& texts, std::span<const std::int32_t> rows, std::size_t all,
               const Body& body) {
  for (std::size_t i = 0; i < rows.size();) {
    const auto first = static_cast<std::size_t>(rows[i]);
    const Matrix block = texts(first, std::min(kBlock, all - first));
    for (; i < rows.size(); ++i) {
      const std::size_t place = static_cast<std::size_t>(rows[i]) - first;
      if (place >= block.rows()) break;
      body(i, block.view().row(place));
    }
  }
}

}  // namespace

ReadTexts texts_in(const fs::path& directory, std::size_t items, const RowSelection& held) {
  return [=](std::size_t first, std::size_t count) {
    return read_embeddings(directory, items, {held.first + first * held.step, held.step, count});
  };
}

void start_at_text(Matrix& ids, const ReadTexts& texts, const Ranks& ranks) {
  // Numbers of items say nothing: the first ones are as good a sample as any.
  const TextAxes found =
      find_axes(texts(0, std::min(ids.rows(), kMeasuredItems)), ids.cols(), ranks);
  Matrix mean(1, ids.cols());
  gemm(Transpose::no, Transpose::no, 1.0F, {found.mean.data(), 1, found.mean.size()}, found.axes,
       0.0F, mean);
  for (std::size_t first = 0; first < ids.rows(); first += kBlock) {
    const Matrix text = texts(first, std::min(kBlock, ids.rows() - first));
    Matrix steps(text.rows(), ids.cols());
    gemm(Transpose::no, Transpose::no, 1.0F, text, found.axes, 0.0F, steps);
    for (std::size_t i = 0; i < text.rows(); ++i) {
      const std::span<float> id = ids.view().row(first + i), step = steps.view().row(i);
      if (is_zero(id) || is_zero(text.view().row(i))) continue;
      double squares = 0.0;
      for (std::size_t d = 0; d < step.size(); ++d) {
        step[d] -= mean[0][d];
        squares += double{step[d]} * step[d];
      }
      if (squares == 0.0) continue;  // all texts are alike
      const auto scale = static_cast<float>(kLength / std::sqrt(squares));
      for (std::size_t d = 0; d < step.size(); ++d) id[d] += scale * step[d];
    }
  }
}

void place_by_text(Matrix& ids, const ReadTexts& texts, std::span<const std::int32_t> taught,
                   std::span<const std::int32_t> places, const Ranks& ranks) {
  // Numbers of items say nothing: the first ones are as good a sample as any.
  const auto sample = taught.first(std::min(taught.size(), kMeasuredItems));
  Matrix sample_texts(sample.size(), texts(0, 1).cols()), sample_ids(sample.size(), ids.cols());
  for_texts(texts, sample, ids.rows(), [&](std::size_t i, std::span<const float> text) {
    std::ranges::copy(text, sample_texts[i]);
  });
  gather_rows(ids, sample, sample_ids);
  const Matrix map = fit_text_map(sample_texts, sample_ids, ranks);
  for_texts(texts, places, ids.rows(), [&](std::size_t i, std::span<const float> text) {
    predict_factors(map, text, ids.view().row(static_cast<std::size_t>(places[i])));
  });
}

}  // namespace tessera
