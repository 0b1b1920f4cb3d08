// Matrix products and what surrounds them.
#include "compare.h"

#include <array>

#include "kernels/codes.h"
#include "kernels/gemm.h"
#include "kernels/gemm_bf16.h"
#include "kernels/sparse_gram.h"

namespace tessera::bench {
namespace {

void add_product(Operands& operands, const std::string& shape, std::size_t m, std::size_t k,
                 std::size_t n) {
  Matrix &a = operands.matrix(m, k), &b = operands.matrix(k, n), &c = operands.matrix(m, n);
  const Work work{.flops = 2.0 * static_cast<double>(m * k * n)};
  compare(
      "gemm " + shape, work, [&] { gemm(Transpose::no, Transpose::no, 1, a, b, 0, c); },
      [&] {
        for (std::size_t i = 0; i < a.rows(); ++i) {
          std::fill_n(c[i], c.cols(), 0.0F);
          for (std::size_t l = 0; l < a.cols(); ++l) {
            for (std::size_t j = 0; j < c.cols(); ++j) c[i][j] += a[i][l] * b[l][j];
          }
        }
      });
  if (!has_bf16()) return;
  const MatrixView<const Bf16> a16 = operands.brain_floats(a), b16 = operands.brain_floats(b);
  measure("gemm_bf16 " + shape + "/tessera", work,
          [a16, b16, &c] { gemm_bf16(Transpose::no, Transpose::no, a16, b16, c); });
}

void add_brain_floats(Operands& operands) {
  const Matrix& x = operands.matrix(kItems, 512);
  const MatrixView<Bf16> y = operands.brain_floats(x), dy = operands.brain_floats(x);
  const std::span<float> sums = operands.vector(512);
  compare(
      "to_bf16", {.bytes = 6.0 * static_cast<double>(x.size())}, [&x, y] { to_bf16(x, y); },
      [&x, y] {
        for (std::size_t i = 0; i < x.size(); ++i) {
          const auto bits = std::bit_cast<std::uint32_t>(x.span()[i]);
          y.data[i].bits = static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
        }
      });
  compare(
      "relu_backward_sums", {.bytes = 6.0 * static_cast<double>(x.size())},
      [y, dy, sums] { relu_backward_sums(y, dy, sums); },
      [y, dy, sums] {
        std::ranges::fill(sums, 0.0F);
        for (std::size_t i = 0; i < y.rows; ++i) {
          for (std::size_t c = 0; c < y.cols; ++c) {
            if (to_float(y[i][c]) <= 0) dy[i][c].bits = 0;
            sums[c] += to_float(dy[i][c]);
          }
        }
      });
}

void add_codes(Operands& operands) {
  const Matrix& scores = operands.matrix(kItems, kCodes);
  const std::span<float> offsets = operands.vector(kCodes);
  std::vector<std::int32_t>& codes = operands.numbers(kItems, 1);
  compare(
      "assign_codes", {.bytes = 4.0 * static_cast<double>(scores.size())},
      [&, offsets] { assign_codes(scores, offsets, codes.data(), 1); },
      [&, offsets] {
        for (std::size_t i = 0; i < kItems; ++i) {
          std::size_t best = 0;
          for (std::size_t c = 1; c < kCodes; ++c) {
            if (scores[i][c] + offsets[c] > scores[i][best] + offsets[best]) best = c;
          }
          codes[i] = static_cast<std::int32_t>(best);
        }
      });
}

/// Texts of 27 words of a vocabulary of 25,000, as Beauty's.
void add_sparse_gram(Operands& operands) {
  constexpr std::size_t kTexts = 4096, kWords = 27, kVocabulary = 25000, kColumns = 32;
  static_assert(kTexts * kWords < 1U << 20);
  const std::vector<std::int32_t>& columns = operands.numbers(kTexts * kWords, kVocabulary);
  const std::span<float> values = operands.vector(kTexts * kWords);
  const Matrix& x = operands.matrix(kVocabulary, kColumns);
  Matrix& y = operands.matrix(kVocabulary, kColumns);
  const auto start_of = [](std::size_t text) { return static_cast<std::int64_t>(text * kWords); };
  std::vector<std::int64_t> offsets;
  for (std::size_t text = 0; text <= kTexts; ++text) offsets.push_back(start_of(text));
  compare(
      "sparse_gram", {.flops = 4.0 * kTexts * kWords * kColumns},
      [&, values, offsets] { sparse_gram(offsets, columns, values, x, y); },
      [&, values] {
        std::ranges::fill(y.span(), 0.0F);
        for (std::size_t text = 0; text < kTexts; ++text) {
          std::array<float, kColumns> row{};
          for (std::size_t e = text * kWords; e < (text + 1) * kWords; ++e) {
            const float* from = x[static_cast<std::size_t>(columns[e])];
            for (std::size_t c = 0; c < kColumns; ++c) row[c] += values[e] * from[c];
          }
          for (std::size_t e = text * kWords; e < (text + 1) * kWords; ++e) {
            float* to = y[static_cast<std::size_t>(columns[e])];
            for (std::size_t c = 0; c < kColumns; ++c) to[c] += values[e] * row[c];
          }
        }
      });
}

}  // namespace

void add_products(Operands& operands) {
  add_product(operands, "2624x768x512", kItems, kText, 512);
  add_product(operands, "1455x72x256", kPositions, kItemDims, 256);
  add_brain_floats(operands);
  add_codes(operands);
  add_sparse_gram(operands);
}

}  // namespace tessera::bench
