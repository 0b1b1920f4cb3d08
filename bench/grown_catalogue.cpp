#include "bench/grown_catalogue.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"

namespace tessera {
namespace {

constexpr std::size_t kRows = 512;

// The nearest other items of each, in no order, along the axes. [items, count]
std::vector<std::int32_t> nearest_items(const Catalogue& catalogue, const ScoreAxes& axes,
                                        std::size_t count) {
  const std::size_t items = catalogue.items();
  Matrix vectors(items, axes.width());
  std::vector<std::int32_t> all(items);
  for (std::size_t i = 0; i < items; ++i) all[i] = static_cast<std::int32_t>(i);
  copy_from(catalogue)(all, vectors);
  Matrix places(items, axes.width());
  gemm(Transpose::no, Transpose::yes, 1.0F, vectors, axes.to_axes, 0.0F, places);
  std::vector<float> squares(items);
  for (std::size_t i = 0; i < items; ++i) {
    squares[i] = dot(places.view().row(i), places.view().row(i));
  }
  std::vector<std::int32_t> nearest(items * count);
  Matrix products(std::min(kRows, items), items);
  for (std::size_t first = 0; first < items; first += kRows) {
    const std::size_t rows = std::min(kRows, items - first);
    gemm(Transpose::no, Transpose::yes, 1.0F, places.view().row_block(first, rows), places, 0.0F,
         products.view().row_block(0, rows));
    parallel_for(rows, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        std::vector<std::pair<float, std::int32_t>> others;
        for (std::size_t j = 0; j < items; ++j) {
          if (j == first + i) continue;
          others.emplace_back(squares[j] - 2.0F * products[i][j], static_cast<std::int32_t>(j));
        }
        std::ranges::nth_element(others, others.begin() + static_cast<std::ptrdiff_t>(count - 1));
        for (std::size_t n = 0; n < count; ++n) {
          nearest[(first + i) * count + n] = others[n].second;
        }
      }
    });
  }
  return nearest;
}

}  // namespace

GrownCatalogue grow_catalogue(const Recommender& model, const Catalogue& catalogue,
                              const ScoreAxes& axes, std::size_t items, std::size_t neighbours,
                              std::uint64_t seed) {
  const std::size_t real = catalogue.items();
  const std::size_t places = catalogue.places;
  const std::size_t dims = model.settings.id_width();
  const std::size_t shared = model.settings.shared_width();
  const std::size_t count = std::min(neighbours, real - 1);
  std::vector<std::int32_t> nearest;
  if (items > real && count > 0) nearest = nearest_items(catalogue, axes, count);
  GrownCatalogue grown;
  grown.codes.resize(items * places);
  grown.ids = Matrix(items, dims);
  parallel_for(items, 4096, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Random random(seed, {i});
      const std::size_t own = i < real ? i : random.below(real);
      const auto source = [&] {
        if (i < real || count == 0 || random.below(2) == 0) return own;
        return static_cast<std::size_t>(nearest[own * count + random.below(count)]);
      };
      for (std::size_t l = 0; l < places; ++l) {
        grown.codes[i * places + l] = catalogue.codes[source() * places + l];
      }
      const float* vector = catalogue.vectors[static_cast<std::size_t>(catalogue.rows[source()])];
      std::copy_n(vector + shared, dims, grown.ids[i]);
    }
  });
  return grown;
}

ScoreDistribution score_distribution(MatrixView<const float> vectors,
                                     MatrixView<const float> states) {
  ScoreDistribution mean;
  Matrix scores(1, vectors.rows);
  const auto n = static_cast<double>(vectors.rows);
  for (std::size_t s = 0; s < states.rows; ++s) {
    gemm(Transpose::no, Transpose::yes, 1.0F, states.row_block(s, 1), vectors, 0.0F, scores);
    double sum = 0.0;
    double squares = 0.0;
    for (const float x : scores.span()) {
      sum += double{x};
      squares += double{x} * double{x};
    }
    const double spread = std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
    const auto high = scores.span();
    const auto rank = high.begin() + static_cast<std::ptrdiff_t>(vectors.rows / 1000);
    std::ranges::nth_element(high, rank, std::ranges::greater());
    const double reached = *rank;
    const auto near = std::ranges::count_if(
        high, [&](float x) { return reached > 0.0 && double{x} >= 0.9 * reached; });
    mean.spread += spread / static_cast<double>(states.rows);
    mean.gap += (reached - sum / n) / spread / static_cast<double>(states.rows);
    mean.near += static_cast<double>(near) / n / static_cast<double>(states.rows);
  }
  return mean;
}

}  // namespace tessera
