// Element-wise kernels and sums over rows and columns.
#include <cmath>

#include "compare.h"
#include "kernels/accumulate.h"
#include "kernels/elementwise.h"

namespace tessera::bench {
namespace {

void add_activations(Operands& operands) {
  Matrix &x = operands.matrix(kItems, 512), &y = operands.matrix(kItems, 512);
  Matrix &h = operands.matrix(kPositions, 256), &g = operands.matrix(kPositions, 256);
  const std::span<float> bias = operands.vector(512), narrow = bias.first(256);
  std::ranges::fill(bias, 0.0F);  // repeated calls must not drift
  const Work wide{.bytes = 8.0 * static_cast<double>(x.size())};
  compare(
      "add_bias", wide, [&, bias] { add_bias(x, bias); },
      [&, bias] {
        for (std::size_t i = 0; i < kItems; ++i) {
          for (std::size_t c = 0; c < 512; ++c) x[i][c] += bias[c];
        }
      });
  compare(
      "bias_relu", wide, [&, bias] { bias_relu(x, bias); },
      [&, bias] {
        for (std::size_t i = 0; i < kItems; ++i) {
          for (std::size_t c = 0; c < 512; ++c) x[i][c] = std::max(0.0F, x[i][c] + bias[c]);
        }
      });
  compare(
      "relu_backward", {.bytes = 12.0 * static_cast<double>(x.size())},
      [&] { relu_backward(x, y); },
      [&] {
        for (std::size_t i = 0; i < x.size(); ++i) {
          if (x.span()[i] <= 0) y.span()[i] = 0;
        }
      });
  const Work gelu{.bytes = 12.0 * static_cast<double>(h.size())};
  compare(
      "bias_gelu", gelu, [&, narrow] { bias_gelu(h, narrow, g); },
      [&, narrow] {
        for (std::size_t i = 0; i < kPositions; ++i) {
          for (std::size_t c = 0; c < 256; ++c) {
            h[i][c] += narrow[c];
            g[i][c] = 0.5F * h[i][c] * (1 + std::erf(h[i][c] * 0.70710678F));
          }
        }
      });
  compare(
      "gelu_backward", gelu,
      [&] {
        std::ranges::fill(g.span(), 1.0F);
        gelu_backward(h, g);
      },
      [&] {
        std::ranges::fill(g.span(), 1.0F);
        for (std::size_t i = 0; i < h.size(); ++i) {
          const float value = h.span()[i];
          g.span()[i] *= 0.5F * (1 + std::erf(value * 0.70710678F)) +
                         value * 0.39894228F * std::exp(-0.5F * value * value);
        }
      });
}

void add_sums(Operands& operands) {
  Matrix &x = operands.matrix(kItems, 512), &y = operands.matrix(kItems, 512);
  const std::span<float> sums = operands.vector(512), dots = operands.vector(kItems);
  const Work one{.bytes = 4.0 * static_cast<double>(x.size())};
  const Work two{.bytes = 8.0 * static_cast<double>(x.size())};
  const Work three{.bytes = 12.0 * static_cast<double>(x.size())};
  compare(
      "column_sums", one, [&, sums] { column_sums(x, sums); },
      [&, sums] {
        std::ranges::fill(sums, 0.0F);
        for (std::size_t i = 0; i < kItems; ++i) {
          for (std::size_t c = 0; c < 512; ++c) sums[c] += x[i][c];
        }
      });
  compare(
      "add_scaled", three, [&] { add_scaled(1e-6F, x, y); },
      [&] {
        for (std::size_t i = 0; i < x.size(); ++i) y.span()[i] += 1e-6F * x.span()[i];
      });
  compare(
      "add_scaled_rows", three, [&, dots] { add_scaled_rows(dots, x, y); },
      [&, dots] {
        for (std::size_t i = 0; i < kItems; ++i) {
          for (std::size_t c = 0; c < 512; ++c) y[i][c] += dots[i] * x[i][c];
        }
      });
  compare(
      "row_dots", two, [&, dots] { row_dots(x, y, dots); },
      [&, dots] {
        for (std::size_t i = 0; i < kItems; ++i) {
          dots[i] = 0;
          for (std::size_t c = 0; c < 512; ++c) dots[i] += x[i][c] * y[i][c];
        }
      });
}

void add_vectors(Operands& operands) {
  const std::span<float> a = operands.vector(kText), b = operands.vector(kText);
  const Work work{.bytes = 8.0 * kText};
  compare(
      "dot 768", work, [=] { benchmark::DoNotOptimize(dot(a, b)); },
      [=] {
        float sum = 0;
        for (std::size_t c = 0; c < kText; ++c) sum += a[c] * b[c];
        benchmark::DoNotOptimize(sum);
      });
  compare(
      "cosine 768", work, [=] { benchmark::DoNotOptimize(cosine(a, b)); },
      [=] {
        double ab = 0, aa = 0, bb = 0;
        for (std::size_t c = 0; c < kText; ++c) {
          ab += double{a[c]} * b[c];
          aa += double{a[c]} * a[c];
          bb += double{b[c]} * b[c];
        }
        benchmark::DoNotOptimize(ab / std::sqrt(aa * bb));
      });
  std::vector<double> sums(kText);
  compare(
      "accumulate_scaled 768", {.bytes = 20.0 * kText},
      [=]() mutable { accumulate_scaled(0.5, a, sums); },
      [=]() mutable {
        for (std::size_t c = 0; c < kText; ++c) sums[c] += 0.5 * a[c];
      });
}

void add_dropout(Operands& operands) {
  Matrix& x = operands.matrix(kPositions, kItemDims);
  compare(
      "dropout", {.bytes = 8.0 * static_cast<double>(x.size())}, [&] { dropout(x, 0.0001F, 7); },
      [&] {
        Random random(7);
        for (float& value : x.span()) value = random.uniform() < 0.0001 ? 0 : value / 0.9999F;
      });
}

}  // namespace

void add_elementwise(Operands& operands) {
  add_activations(operands);
  add_sums(operands);
  add_vectors(operands);
  add_dropout(operands);
}

}  // namespace tessera::bench
