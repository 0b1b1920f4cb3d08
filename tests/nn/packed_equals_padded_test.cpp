// The packed transformer against a plain one, in double and straight from the method, that works on
// left-padded [sequences, max_length] with a causal and a padding mask.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "nn/causal_transformer.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;  // one padded sequence: [max_length][width]

Row linear(const Linear& layer, const Row& x) {
  Row y(layer.out());
  for (std::size_t o = 0; o < y.size(); ++o) {
    y[o] = layer.bias.value[0][o];
    for (std::size_t c = 0; c < x.size(); ++c) y[o] += layer.weight.value[o][c] * x[c];
  }
  return y;
}

Row layer_norm(const LayerNorm& norm, const Row& x) {
  double mean = 0.0, variance = 0.0;
  const auto n = static_cast<double>(x.size());
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  Row y(x.size());
  for (std::size_t c = 0; c < y.size(); ++c) {
    y[c] = norm.gamma.value[0][c] * (x[c] - mean) / std::sqrt(variance + 1e-12) +
           norm.beta.value[0][c];
  }
  return y;
}

Row plus(Row a, const Row& b) {
  for (std::size_t c = 0; c < a.size(); ++c) a[c] += b[c];
  return a;
}

Row gelu(Row x) {
  for (double& v : x) v *= 0.5 * (1.0 + std::erf(v / std::numbers::sqrt2));
  return x;
}

/// Masked attention over all positions of a padded sequence: position i sees j where j ≤ i and j is
/// not padding; what it may not see gets −1e9 before the softmax.
Rows attention(const CausalTransformer::Layer& layer, const Rows& x, std::size_t heads,
               const std::vector<bool>& padding) {
  Rows q, k, v, out;
  for (const Row& row : x) {
    q.push_back(linear(layer.query, row));
    k.push_back(linear(layer.key, row));
    v.push_back(linear(layer.value, row));
  }
  const std::size_t hidden = q[0].size();
  const std::size_t dims = hidden / heads;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Row attended(hidden, 0.0);
    for (std::size_t h = 0; h < heads; ++h) {
      Row p(x.size());
      double largest = -1e300, sum = 0.0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        double score = 0.0;
        for (std::size_t c = h * dims; c < (h + 1) * dims; ++c) score += q[i][c] * k[j][c];
        p[j] = score / std::sqrt(static_cast<double>(dims)) + (j > i || padding[j] ? -1e9 : 0.0);
        largest = std::max(largest, p[j]);
      }
      for (double& s : p) sum += s = std::exp(s - largest);
      for (std::size_t j = 0; j < x.size(); ++j) {
        for (std::size_t c = h * dims; c < (h + 1) * dims; ++c) attended[c] += p[j] / sum * v[j][c];
      }
    }
    out.push_back(linear(layer.output, attended));
  }
  return out;
}

Rows padded_transformer(const CausalTransformer& model, Rows x, const std::vector<bool>& padding) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float* position = model.positions.value[i];
    x[i] = layer_norm(model.input_norm, plus(x[i], Row(position, position + x[i].size())));
  }
  for (const CausalTransformer::Layer& layer : model.layers) {
    const Rows attended = attention(layer, x, model.shape.heads, padding);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = layer_norm(layer.attention_norm, plus(x[i], attended[i]));
      const Row fed = linear(layer.contract, gelu(linear(layer.expand, x[i])));
      x[i] = layer_norm(layer.feed_forward_norm, plus(x[i], fed));
    }
  }
  return x;
}

void expect_packed_equals_padded(const TransformerShape& shape,
                                 const std::vector<std::size_t>& lengths) {
  CausalTransformer model(shape);
  ParameterList parameters;
  model.collect(parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    testing::fill_random(parameters[i]->value, 10 + i, 0.3);
  }
  std::vector<std::int32_t> offsets = {0};
  for (const std::size_t length : lengths) {
    offsets.push_back(offsets.back() + static_cast<std::int32_t>(length));
  }
  const Matrix x = testing::random_matrix(static_cast<std::size_t>(offsets.back()), shape.width, 1);
  StepArena arena;
  const MatrixView<float> packed = model.forward(x, offsets, {}, arena).output;
  const MatrixView<float> final_states = model.final_states(x, offsets, arena);
  ASSERT_EQ(final_states.rows, lengths.size());

  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const std::size_t pad = shape.max_length - lengths[s];
    // Padding rows hold something, so that a mask which leaks shows.
    Rows padded(shape.max_length, Row(shape.width, 3.0));
    std::vector<bool> padding(shape.max_length, true);
    const auto first = static_cast<std::size_t>(offsets[s]);
    for (std::size_t i = 0; i < lengths[s]; ++i) {
      padded[pad + i].assign(x[first + i], x[first + i] + shape.width);
      padding[pad + i] = false;
    }
    const Rows expected = padded_transformer(model, padded, padding);
    if (lengths[s] > 0) {
      testing::expect_elements(packed.row_block(first, lengths[s]), 2e-5,
                               [&](std::size_t i, std::size_t c) { return expected[pad + i][c]; });
    }
    testing::expect_elements(final_states.row_block(s, 1), 2e-5, [&](std::size_t, std::size_t c) {
      return lengths[s] == 0 ? 0.0 : expected[shape.max_length - 1][c];
    });
  }
}

TEST(PackedEqualsPadded, OddWidthsAndLengths) {
  expect_packed_equals_padded(
      {.width = 5, .hidden = 6, .heads = 2, .feed_forward = 7, .layers = 2, .max_length = 17},
      {1, 7, 17, 0, 2});
}

TEST(PackedEqualsPadded, ThePaperShape) { expect_packed_equals_padded({}, {1, 7, 50, 33}); }

TEST(PackedEqualsPadded, EmptySequencesAlone) { expect_packed_equals_padded({}, {0, 0}); }

TEST(PackedEqualsPadded, OneHeadOneLayerOnePosition) {
  expect_packed_equals_padded(
      {.width = 7, .hidden = 3, .heads = 1, .feed_forward = 1, .layers = 1, .max_length = 1},
      {1, 1, 0, 1});
}

}  // namespace
}  // namespace tessera
