#include "model/collaborative_tokens.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/rows.h"
#include "model/text_map.h"
#include "nn/kmeans.h"
#include "nn/residual_quantizer.h"

namespace tessera {
namespace {

constexpr std::size_t kMeansRounds = 25;
constexpr std::size_t kMovingRounds = 10;      // from centres that are near
constexpr std::size_t kFittedItems = 131'072;  // that centres and the map from text are fitted to
constexpr double kUsualEvents = 12.0;          // of an item, which `text_events` counts by

std::vector<double> training_events(const Dataset& data) {
  std::vector<double> counts(data.items.size());
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) {
      counts[static_cast<std::size_t>(item)] += 1.0;
    }
  }
  return counts;
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
      by_text{{}, Matrix(text_dims + 1, dims)} {}

MatrixView<const float> CollaborativeTokens::part(std::size_t p) const {
  return vectors.value.view().row_block(p * codebook_size, codebook_size);
}

void CollaborativeTokens::fit(const Dataset& data, Matrix factors, MatrixView<const float> text,
                              double text_events, std::uint64_t seed,
                              const CollaborativeTokens* earlier) {
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
  Matrix predicted(events.size(), dims());
  by_text = fit_text_kernel(text, factors, fitted, predicted);
  for (std::size_t i = 0; i < events.size(); ++i) {
    mix(factors.view().row(i), events[i] * mean_events, predicted.view().row(i),
        text_events * kUsualEvents);
  }

  const std::size_t width = vectors.value.cols();
  const std::vector<float> once(fitted.size(), 1.0F);
  const Distance euclidean[] = {Distance::euclidean};
  for (std::size_t p = 0; p < parts; ++p) {
    StepArena arena;
    ResidualQuantizer quantizer(euclidean, codebook_size, width);
    const MatrixView<float> sample = arena.matrix(fitted.size(), width);
    gather_rows(factors.view().col_block(p * width, width), fitted, sample);
    if (earlier == nullptr) {
      quantizer.initialise(sample, once, random, arena, {}, kMeansRounds);
    } else {
      ResidualQuantizer::Level& level = quantizer.levels[0];
      copy_rows(earlier->centres.view().row_block(p * codebook_size, codebook_size),
                level.codebook);
      move_to_means(sample, once, Distance::euclidean, kMovingRounds, EmptyCentre::stays,
                    {level.codebook, level.sums, level.counts.span()});
    }
    const MatrixView<float> all = arena.matrix(factors.rows(), width);
    copy_rows(factors.view().col_block(p * width, width), all);
    const auto found = quantizer.forward(all, arena);
    for (std::size_t i = 0; i < factors.rows(); ++i) codes[i * parts + p] = found.codes[i];
    copy_rows(quantizer.levels[0].codebook,
              centres.view().row_block(p * codebook_size, codebook_size));
  }
  copy_rows(earlier == nullptr ? centres : earlier->vectors.value, vectors.value);
}

void CollaborativeTokens::predict(MatrixView<const float> text, std::int32_t* item_codes,
                                  std::size_t code_stride, StepArena& arena) const {
  const MatrixView<float> factors = arena.matrix(text.rows, dims());
  by_text.predict(text, factors, arena);
  const std::size_t width = vectors.value.cols();
  for (std::size_t p = 0; p < parts; ++p) {
    nearest_centres(factors.col_block(p * width, width),
                    centres.view().row_block(p * codebook_size, codebook_size), Distance::euclidean,
                    item_codes + p, code_stride, arena);
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
