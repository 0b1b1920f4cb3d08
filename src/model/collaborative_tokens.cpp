#include "model/collaborative_tokens.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "nn/residual_quantizer.h"

namespace tessera {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr std::size_t kMeansRounds = 25;
constexpr std::size_t kFittedItems = 131'072;  // that centres and the map from text are fitted to
constexpr float kRidge = 1.0F;                 // beside texts of unit length
constexpr double kUsualEvents = 12.0;          // of an item, which `text_events` counts by

Eigen::Map<Rows> as_eigen(Matrix& matrix) {
  return {matrix.span().data(), static_cast<Eigen::Index>(matrix.rows()),
          static_cast<Eigen::Index>(matrix.cols())};
}

std::vector<double> training_events(const Dataset& data) {
  std::vector<double> counts(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) {
      counts[static_cast<std::size_t>(item)] += 1.0;
    }
  }
  return counts;
}

// The least-squares map from text and a 1 to factors, with a ridge.
Matrix fit_text_map(MatrixView<const float> text, MatrixView<const float> factors,
                    std::span<const std::int32_t> items) {
  const std::size_t inputs = text.cols + 1;
  Matrix x(items.size(), inputs), y(items.size(), factors.cols);
  gather_rows(text, items, x.view().col_block(0, text.cols));
  for (std::size_t i = 0; i < items.size(); ++i) x[i][text.cols] = 1.0F;
  gather_rows(factors, items, y);
  Matrix gram(inputs, inputs), map(inputs, factors.cols);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, x, 0.0F, gram);
  gemm(Transpose::yes, Transpose::no, 1.0F, x, y, 0.0F, map);
  for (std::size_t i = 0; i < inputs; ++i) gram[i][i] += kRidge;
  as_eigen(map) = as_eigen(gram).ldlt().solve(as_eigen(map)).eval();
  return map;
}

// Factors that a text predicts.
void predict_factors(const Matrix& map, std::span<const float> text, std::span<float> factors) {
  std::copy_n(map[map.rows() - 1], factors.size(), factors.data());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (std::size_t d = 0; d < factors.size(); ++d) factors[d] += text[i] * map[i][d];
  }
}

double squared_length(std::span<const float> row) {
  double sum = 0.0;
  for (const float x : row) sum += double{x} * x;
  return sum;
}

// Scales the map until the factors it predicts are as long as those of the items, in the mean of
// squares: a regression predicts towards the mean, and short factors would be outscored by all.
void lengthen(Matrix& map, MatrixView<const float> text, const Matrix& factors,
              std::span<const std::int32_t> items) {
  std::vector<float> predicted(factors.cols());
  double is = 0.0, wanted = 0.0;
  for (const std::int32_t item : items) {
    const auto i = static_cast<std::size_t>(item);
    predict_factors(map, text.row(i), predicted);
    is += squared_length(predicted);
    wanted += squared_length(factors.view().row(i));
  }
  if (is == 0.0) return;
  const auto scale = static_cast<float>(std::sqrt(wanted / is));
  for (float& weight : map.span()) weight *= scale;
}

// Turns an item's factors towards the predicted ones and leaves them their length. `taught` and
// `foretold` are in the proportion of their shares of the squared length.
void mix(std::span<float> factors, double taught, std::span<const float> predicted,
         double foretold) {
  if (taught == 0.0) {
    std::ranges::copy(predicted, factors.begin());
    return;
  }
  const double length = squared_length(factors);
  const double taught_weight = std::sqrt(taught), text_weight = std::sqrt(foretold);
  for (std::size_t d = 0; d < factors.size(); ++d) {
    factors[d] = static_cast<float>(taught_weight * factors[d] + text_weight * predicted[d]);
  }
  const double mixed = squared_length(factors);
  const auto scale = static_cast<float>(mixed > 0.0 ? std::sqrt(length / mixed) : 0.0);
  for (float& factor : factors) factor *= scale;
}

}  // namespace

CollaborativeTokens::CollaborativeTokens(std::size_t part_count, std::size_t size, std::size_t dims,
                                         std::size_t items, std::size_t text_dims)
    : parts(part_count),
      codebook_size(size),
      vectors("collaborative_tokens", part_count * size, dims / part_count),
      codes(items * part_count),
      centres(part_count * size, dims / part_count),
      text_map(text_dims + 1, dims) {}

MatrixView<const float> CollaborativeTokens::part(std::size_t p) const {
  return vectors.value.view().row_block(p * codebook_size, codebook_size);
}

void CollaborativeTokens::fit(const Dataset& data, Matrix factors, MatrixView<const float> text,
                              double text_events, std::uint64_t seed) {
  const std::vector<double> events = training_events(data);
  std::vector<std::int32_t> fitted;
  double all_events = 0.0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i] > 0) fitted.push_back(static_cast<std::int32_t>(i));
    all_events += events[i];
  }
  const double mean_events =
      all_events / static_cast<double>(std::max<std::size_t>(fitted.size(), 1));
  Random random(seed, {0xC1});
  random.shuffle(std::span(fitted));
  if (fitted.size() > kFittedItems) fitted.resize(kFittedItems);
  text_map = fit_text_map(text, factors, fitted);
  lengthen(text_map, text, factors, fitted);
  std::vector<float> predicted(dims());
  for (std::size_t i = 0; i < events.size(); ++i) {
    predict_factors(text_map, text.row(i), predicted);
    mix(factors.view().row(i), events[i] * mean_events, predicted, text_events * kUsualEvents);
  }

  const std::size_t width = vectors.value.cols();
  const std::vector<float> once(fitted.size(), 1.0F);
  const Distance euclidean[] = {Distance::euclidean};
  for (std::size_t p = 0; p < parts; ++p) {
    StepArena arena;
    ResidualQuantizer quantizer(euclidean, codebook_size, width);
    const MatrixView<float> sample = arena.matrix(fitted.size(), width);
    gather_rows(factors.view().col_block(p * width, width), fitted, sample);
    quantizer.initialise(sample, once, random, arena, {}, kMeansRounds);
    const MatrixView<float> all = arena.matrix(factors.rows(), width);
    copy_rows(factors.view().col_block(p * width, width), all);
    const auto found = quantizer.forward(all, arena);
    for (std::size_t i = 0; i < factors.rows(); ++i) codes[i * parts + p] = found.codes[i];
    copy_rows(quantizer.levels[0].codebook,
              centres.view().row_block(p * codebook_size, codebook_size));
  }
  copy_rows(centres, vectors.value);
}

void CollaborativeTokens::predict(std::span<const float> text, std::int32_t* item_codes) const {
  std::vector<float> factors(dims());
  predict_factors(text_map, text, factors);
  const std::size_t width = vectors.value.cols();
  for (std::size_t p = 0; p < parts; ++p) {
    double nearest = INFINITY;
    for (std::size_t c = 0; c < codebook_size; ++c) {
      double distance = 0.0;
      for (std::size_t d = 0; d < width; ++d) {
        const double gap = factors[p * width + d] - centres[p * codebook_size + c][d];
        distance += gap * gap;
      }
      if (distance < nearest) {
        nearest = distance;
        item_codes[p] = static_cast<std::int32_t>(c);
      }
    }
  }
}

void CollaborativeTokens::decode(const std::int32_t* item_codes, float* out) const {
  const std::size_t width = vectors.value.cols();
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t row = p * codebook_size + static_cast<std::size_t>(item_codes[p]);
    std::copy_n(vectors.value[row], width, out + p * width);
  }
}

void CollaborativeTokens::gather(std::span<const std::int32_t> items, MatrixView<float> out) const {
  parallel_for(items.size(), 256, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      decode(codes.data() + static_cast<std::size_t>(items[i]) * parts, out[i]);
    }
  });
}

void CollaborativeTokens::backward(std::span<const std::int32_t> items,
                                   MatrixView<const float> dout) {
  std::ranges::fill(vectors.grad.span(), 0.0F);
  const std::size_t width = vectors.value.cols();
  // Threads share the parts, so that every sum has one fixed order.
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::int32_t* item_codes = codes.data() + static_cast<std::size_t>(items[i]) * parts;
      for (std::size_t p = begin; p < end; ++p) {
        float* grad = vectors.grad[p * codebook_size + static_cast<std::size_t>(item_codes[p])];
        for (std::size_t d = 0; d < width; ++d) grad[d] += dout[i][p * width + d];
      }
    }
  });
}

}  // namespace tessera
