#include "kernels/codes.h"

#include <algorithm>

#include "base/parallel.h"

namespace tessera {

void assign_codes(MatrixView<const float> scores, std::span<const float> offsets,
                  std::int32_t* codes, std::size_t code_stride) {
  parallel_for(scores.rows, 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float* row = scores[i];
      std::size_t best = 0;
      float best_score = row[0] + (offsets.empty() ? 0.0F : offsets[0]);
      for (std::size_t c = 1; c < scores.cols; ++c) {
        const float score = row[c] + (offsets.empty() ? 0.0F : offsets[c]);
        if (score > best_score) {
          best_score = score;
          best = c;
        }
      }
      codes[i * code_stride] = static_cast<std::int32_t>(best);
    }
  });
}

void gather_rows(MatrixView<const float> table, std::span<const std::int32_t> rows,
                 MatrixView<float> out) {
  parallel_for(rows.size(), 1 + 8192 / std::max<std::size_t>(table.cols, 1),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) {
                   std::copy_n(table[static_cast<std::size_t>(rows[i])], table.cols, out[i]);
                 }
               });
}

void scatter_add_rows(MatrixView<const float> x, std::span<const std::int32_t> rows,
                      MatrixView<float> table) {
  // Threads share the columns, so that every element sums its rows in one fixed order.
  constexpr std::size_t kLine = 16;
  const std::size_t lines = (x.cols + kLine - 1) / kLine;
  parallel_for(lines, 1 + 1024 / std::max<std::size_t>(x.rows, 1),
               [&](std::size_t begin, std::size_t end) {
                 const std::size_t last = std::min(end * kLine, x.cols);
                 for (std::size_t i = 0; i < x.rows; ++i) {
                   float* target = table[static_cast<std::size_t>(rows[i])];
                   for (std::size_t c = begin * kLine; c < last; ++c) target[c] += x[i][c];
                 }
               });
}

}  // namespace tessera
