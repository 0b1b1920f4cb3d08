#include "nn/residual_quantizer.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

// Rows whose running weight covers `point` of the total: draws a row by weight.
std::size_t draw_row(std::span<const float> weights, double total, Random& random) {
  double point = random.uniform() * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0.0F) continue;
    last = i;
    point -= weights[i];
    if (point < 0.0) break;
  }
  return last;
}

double sum_of(std::span<const float> weights) {
  double total = 0.0;
  for (const float w : weights) total += w;
  return total;
}

// The residuals as a level counts them: unit rows at a cosine level.
MatrixView<float> counted_residuals(const ResidualQuantizer::Level& level,
                                    MatrixView<const float> residual, StepArena& arena) {
  const MatrixView<float> copy = arena.matrix(residual.rows, residual.cols);
  parallel_for(residual.rows, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      std::copy_n(residual[i], residual.cols, copy[i]);
      if (level.distance == Distance::cosine) normalise(copy.row(i));
    }
  });
  return copy;
}

// All rows of a batch, those of other ranks included.
struct AllRows {
  std::span<const float> weights;
  const SharedRows& shared;

  AllRows(std::span<const float> at_hand, const SharedRows& rows)
      : weights(rows.mine.empty() ? at_hand : rows.weights), shared(rows) {}
  // The values of row `row`, or nothing where another rank holds them.
  const float* find(std::size_t row, MatrixView<const float> at_hand) const {
    if (shared.mine.empty()) return at_hand[row];
    const std::int32_t place = shared.mine[row];
    return place < 0 ? nullptr : at_hand[static_cast<std::size_t>(place)];
  }
};

// A code that starts anew at a row of the batch.
struct Restart {
  std::size_t level, code, row;
};

// Adds Σ weight and Σ weight · row per code.
void accumulate(MatrixView<const float> rows, std::span<const float> weights,
                std::span<const std::int32_t> codes, MatrixView<float> sums,
                std::span<float> counts) {
  scatter_add_rows(rows, codes, sums, weights);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    counts[static_cast<std::size_t>(codes[i])] += weights[i];
  }
}

}  // namespace

ResidualQuantizer::ResidualQuantizer(std::span<const Distance> distances, std::size_t codes,
                                     std::size_t dims) {
  for (const Distance distance : distances) {
    levels.push_back({distance, Matrix(codes, dims), Matrix(codes, dims), Matrix(1, codes)});
  }
}

ResidualQuantizer::Cache ResidualQuantizer::forward(MatrixView<float> z, StepArena& arena) const {
  Cache cache{arena.take<std::int32_t>(z.rows * levels.size()),
              arena.take<MatrixView<float>>(levels.size() + 1), arena.matrix(z.rows, z.cols)};
  cache.residuals[0] = z;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const Level& level = levels[l];
    const MatrixView<float> residual = cache.residuals[l];
    nearest_centres(residual, level.codebook, level.distance, cache.codes.data() + l, levels.size(),
                    arena);
    const MatrixView<float> next = arena.matrix(z.rows, z.cols);
    parallel_for(z.rows, 128, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const float* chosen =
            level.codebook[static_cast<std::size_t>(cache.codes[i * levels.size() + l])];
        for (std::size_t c = 0; c < z.cols; ++c) next[i][c] = residual[i][c] - chosen[c];
      }
    });
    cache.residuals[l + 1] = next;
  }
  parallel_for(z.rows, 128, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      decode(cache.codes.data() + i * levels.size(), cache.semantic[i]);
    }
  });
  return cache;
}

void ResidualQuantizer::decode(const std::int32_t* codes, float* semantic) const {
  const std::size_t dims = levels.front().codebook.cols();
  std::fill_n(semantic, dims, 0.0F);
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const float* row = levels[l].codebook[static_cast<std::size_t>(codes[l])];
    for (std::size_t c = 0; c < dims; ++c) semantic[c] += row[c];
  }
}

void ResidualQuantizer::initialise(MatrixView<const float> z, std::span<const float> at_hand,
                                   Random& random, StepArena& arena, const SharedRows& shared,
                                   std::size_t rounds) {
  const AllRows all(at_hand, shared);
  const std::span<const float> weights = all.weights;
  const MatrixView<float> residual = arena.zeros(weights.size(), z.cols);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (const float* row = all.find(i, z)) std::copy_n(row, z.cols, residual[i]);
  }
  all_reduce(*shared.ranks, std::span(residual.data, residual.size()));
  const std::span<std::int32_t> codes = arena.take<std::int32_t>(weights.size());
  std::vector<std::int32_t> order = random.permutation(weights.size());
  std::erase_if(order, [&](std::int32_t i) { return weights[static_cast<std::size_t>(i)] <= 0; });
  const double total = sum_of(weights);
  for (Level& level : levels) {
    const MatrixView<float> rows = counted_residuals(level, residual, arena);
    const std::size_t k = level.codebook.rows();
    random.shuffle(std::span(order));
    for (std::size_t c = 0; c < k; ++c) {
      const std::size_t row =
          order.size() >= k ? static_cast<std::size_t>(order[c]) : draw_row(weights, total, random);
      std::copy_n(rows[row], rows.cols, level.codebook[c]);
    }
    move_to_means(rows, weights, level.distance, rounds, EmptyCentre::stays,
                  {level.codebook, level.sums, level.counts.span()});
    StepArena assigning;
    nearest_centres(residual, level.codebook, level.distance, codes.data(), 1, assigning);
    for (std::size_t i = 0; i < residual.rows; ++i) {
      const float* chosen = level.codebook[static_cast<std::size_t>(codes[i])];
      for (std::size_t c = 0; c < residual.cols; ++c) residual[i][c] -= chosen[c];
    }
  }
}

void ResidualQuantizer::update(const Cache& cache, std::span<const float> weights, Random& random,
                               StepArena& arena, const SharedRows& shared) {
  const AllRows all(weights, shared);
  const double total = sum_of(all.weights);
  if (total == 0.0) return;
  const std::size_t k = levels.front().codebook.rows();
  const std::size_t dims = levels.front().codebook.cols();
  // Sums and counts of all levels lie together, to be added up at once.
  const MatrixView<float> statistics = arena.zeros(levels.size() * k * (dims + 1), 1);
  const MatrixView<float> sums(statistics.data, levels.size() * k, dims);
  const std::span<float> counts(statistics.data + sums.size(), levels.size() * k);
  const std::span<MatrixView<float>> rows = arena.take<MatrixView<float>>(levels.size());
  const std::span<std::int32_t> codes = arena.take<std::int32_t>(weights.size());
  for (std::size_t l = 0; l < levels.size(); ++l) {
    rows[l] = counted_residuals(levels[l], cache.residuals[l].row_block(0, weights.size()), arena);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = cache.codes[i * levels.size() + l];
    accumulate(rows[l], weights, codes, sums.row_block(l * k, k), counts.subspan(l * k, k));
  }
  all_reduce(*shared.ranks, std::span(statistics.data, statistics.size()));

  const std::span<Restart> restarts = arena.take<Restart>(levels.size() * k);
  std::size_t dead = 0;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    for (std::size_t c = 0; c < k; ++c) {
      float& count = levels[l].counts[0][c];
      count = kDecay * count + (1.0F - kDecay) * counts[l * k + c];
      if (count < kDeadCount) restarts[dead++] = {l, c, draw_row(all.weights, total, random)};
    }
  }
  const MatrixView<float> restarted = arena.zeros(dead, dims);
  for (std::size_t i = 0; i < dead; ++i) {
    const float* row = all.find(restarts[i].row, rows[restarts[i].level]);
    if (row != nullptr) std::copy_n(row, dims, restarted[i]);
  }
  all_reduce(*shared.ranks, std::span(restarted.data, restarted.size()));

  std::size_t next = 0;  // of the restarts
  for (std::size_t l = 0; l < levels.size(); ++l) {
    Level& level = levels[l];
    float counted = 0.0F;
    for (const float count : level.counts.span()) counted += count;
    for (std::size_t c = 0; c < k; ++c) {
      float* row = level.codebook[c];
      float& count = level.counts[0][c];
      const float smoothed =
          (count + kLaplace) / (counted + static_cast<float>(k) * kLaplace) * counted;
      for (std::size_t j = 0; j < dims; ++j) {
        level.sums[c][j] = kDecay * level.sums[c][j] + (1.0F - kDecay) * sums[l * k + c][j];
        row[j] = level.sums[c][j] / smoothed;
      }
      if (next < dead && restarts[next].level == l && restarts[next].code == c) {
        std::copy_n(restarted[next++], dims, row);
        count = kDeadCount;
        for (std::size_t j = 0; j < dims; ++j) level.sums[c][j] = kDeadCount * row[j];
      }
      if (level.distance == Distance::cosine) normalise({row, dims});
    }
  }
}

}  // namespace tessera
