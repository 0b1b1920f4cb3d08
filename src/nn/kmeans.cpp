#include "nn/kmeans.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/codes.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

constexpr float kApart = 1.0F / 1024.0F;  // of a split centre's two halves

void split_largest(const Centres& centres, std::size_t empty) {
  const auto largest =
      static_cast<std::size_t>(std::ranges::max_element(centres.counts) - centres.counts.begin());
  if (centres.counts[largest] <= 1.0F) return;  // nothing to share
  for (std::size_t j = 0; j < centres.rows.cols; ++j) {
    const float value = centres.rows[largest][j];
    const float apart = j % 2 == 0 ? kApart : -kApart;
    centres.rows[empty][j] = value * (1.0F + apart);
    centres.rows[largest][j] = value * (1.0F - apart);
  }
  centres.counts[empty] = centres.counts[largest] /= 2.0F;
}

}  // namespace

float norm(std::span<const float> row) {
  double sum = 0.0;
  for (const float x : row) sum += static_cast<double>(x) * x;
  return static_cast<float>(std::sqrt(sum));
}

void normalise(std::span<float> row) {
  const float length = norm(row);
  if (length == 0.0F) return;
  for (float& x : row) x /= length;
}

void nearest_centres(MatrixView<const float> rows, MatrixView<const float> centres,
                     Distance distance, std::int32_t* codes, std::size_t code_stride,
                     StepArena& arena) {
  const MatrixView<float> scores = arena.matrix(rows.rows, centres.rows);
  gemm(Transpose::no, Transpose::yes, 1.0F, rows, centres, 0.0F, scores);
  // argmin ‖r − c‖² = argmax <r, c> − ‖c‖²/2; by cosine rows of c have unit norm.
  std::span<float> offsets;
  if (distance == Distance::euclidean) {
    offsets = arena.take<float>(centres.rows);
    for (std::size_t c = 0; c < offsets.size(); ++c) {
      const float length = norm({centres[c], centres.cols});
      offsets[c] = -0.5F * length * length;
    }
  }
  assign_codes(scores, offsets, codes, code_stride);
}

void move_to_means(MatrixView<const float> rows, std::span<const float> weights, Distance distance,
                   std::size_t rounds, EmptyCentre empty, const Centres& centres) {
  const std::size_t k = centres.rows.rows;
  std::vector<std::int32_t> codes(rows.rows);
  StepArena arena;
  for (std::size_t round = 0; round < rounds; ++round) {
    arena.reset();
    nearest_centres(rows, centres.rows, distance, codes.data(), 1, arena);
    for (std::size_t c = 0; c < k; ++c) std::fill_n(centres.sums[c], rows.cols, 0.0F);
    std::ranges::fill(centres.counts, 0.0F);
    scatter_add_rows(rows, codes, centres.sums, weights);
    for (std::size_t i = 0; i < rows.rows; ++i) {
      centres.counts[static_cast<std::size_t>(codes[i])] += weights[i];
    }
    for (std::size_t c = 0; c < k; ++c) {
      const float count = centres.counts[c];
      if (count == 0.0F) continue;  // an empty one keeps its centre, for now
      for (std::size_t j = 0; j < rows.cols; ++j) {
        centres.rows[c][j] = centres.sums[c][j] / count;
      }
      if (distance == Distance::cosine) normalise({centres.rows[c], rows.cols});
    }
    if (empty == EmptyCentre::stays || round + 1 == rounds) continue;
    for (std::size_t c = 0; c < k; ++c) {
      if (centres.counts[c] == 0.0F) split_largest(centres, c);
    }
  }
}

}  // namespace tessera
