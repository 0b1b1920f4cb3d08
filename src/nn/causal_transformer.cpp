#include "nn/causal_transformer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/elementwise.h"

namespace tessera {
namespace {

// The four places of dropout; attention probabilities and the rest of a layer have streams apart.
enum class Place : std::uint64_t { input, probabilities, attention, feed_forward };

std::uint64_t stream_of(std::uint64_t seed, Place place) {
  return mix_bits(seed ^ mix_bits(static_cast<std::uint64_t>(place) + 1));
}

// Calls body(sequence row, position row) for each position.
template <class Body>
void for_positions(SequenceOffsets offsets, std::size_t max_length, const Body& body) {
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto end = static_cast<std::size_t>(offsets[s + 1]);
    for (auto row = static_cast<std::size_t>(offsets[s]); row < end; ++row) {
      body(row, max_length - (end - row));
    }
  }
}

}  // namespace

CausalTransformer::CausalTransformer(const TransformerShape& transformer_shape)
    : shape(transformer_shape),
      positions("positions", shape.max_length, shape.width),
      input_norm("input_norm", shape.width) {
  for (std::size_t i = 0; i < shape.layers; ++i) {
    const auto name = [&](const char* part) { return fmt::format("layers.{}.{}", i, part); };
    layers.push_back({Linear(name("query"), shape.width, shape.hidden),
                      Linear(name("key"), shape.width, shape.hidden),
                      Linear(name("value"), shape.width, shape.hidden),
                      Linear(name("output"), shape.hidden, shape.width),
                      Linear(name("expand"), shape.width, shape.feed_forward),
                      Linear(name("contract"), shape.feed_forward, shape.width),
                      LayerNorm(name("attention_norm"), shape.width),
                      LayerNorm(name("feed_forward_norm"), shape.width)});
  }
}

void CausalTransformer::initialise(Random& random) {
  fill_normal(positions.value.span(), 0.02, random);
  for (Layer& layer : layers) {
    for (Linear* linear :
         {&layer.query, &layer.key, &layer.value, &layer.output, &layer.expand, &layer.contract}) {
      linear->initialise(random);
    }
  }
}

void CausalTransformer::collect(ParameterList& list) {
  list.push_back(&positions);
  input_norm.collect(list);
  for (Layer& layer : layers) {
    for (Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output}) {
      linear->collect(list);
    }
    layer.attention_norm.collect(list);
    layer.expand.collect(list);
    layer.contract.collect(list);
    layer.feed_forward_norm.collect(list);
  }
}

CausalTransformer::Cache CausalTransformer::forward(MatrixView<const float> x,
                                                    SequenceOffsets offsets,
                                                    const DropoutStep& dropout_step,
                                                    StepArena& arena) const {
  const std::size_t rows = x.rows;
  Cache cache;
  cache.offsets = offsets;
  cache.dropout = dropout_step;
  cache.layers = arena.take<LayerCache>(layers.size());
  const float p = dropout_step.probability;

  arena.stages.enter(Stage::attention);
  MatrixView<float> state = arena.matrix(rows, shape.width);
  for_positions(offsets, shape.max_length, [&](std::size_t row, std::size_t position) {
    for (std::size_t c = 0; c < shape.width; ++c) {
      state[row][c] = x[row][c] + positions.value[position][c];
    }
  });
  cache.input_norm = input_norm.forward(state, state, arena);
  dropout(state, p, stream_of(dropout_step.seed, Place::input));

  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    LayerCache& c = cache.layers[i];
    arena.stages.enter(Stage::attention);
    c = LayerCache{};
    c.input = state;
    c.seed = mix_bits(dropout_step.seed + i + 1);
    c.q = arena.matrix(rows, shape.hidden);
    c.k = arena.matrix(rows, shape.hidden);
    c.v = arena.matrix(rows, shape.hidden);
    c.attended = arena.matrix(rows, shape.hidden);
    c.probabilities = arena.take<float>(attention_probabilities(offsets, shape.heads));
    c.starts = arena.take<std::size_t>(offsets.size());
    layer.query.forward(state, c.q);
    layer.key.forward(state, c.k);
    layer.value.forward(state, c.v);
    causal_attention({offsets, shape.heads, p, stream_of(c.seed, Place::probabilities)}, c.q, c.k,
                     c.v, c.probabilities, c.starts, c.attended);
    c.middle = arena.matrix(rows, shape.width);
    layer.output.multiply(c.attended, c.middle);
    c.attention_norm = layer.attention_norm.forward_residual(
        state, layer.output.bias, {p, stream_of(c.seed, Place::attention)}, c.middle, arena);

    arena.stages.enter(Stage::feed_forward);
    c.expanded = arena.matrix(rows, shape.feed_forward);
    c.activated = arena.matrix(rows, shape.feed_forward);
    layer.expand.multiply(c.middle, c.expanded);
    bias_gelu(c.expanded, layer.expand.bias.value.span(), c.activated);
    state = arena.matrix(rows, shape.width);
    layer.contract.multiply(c.activated, state);
    c.feed_forward_norm = layer.feed_forward_norm.forward_residual(
        c.middle, layer.contract.bias, {p, stream_of(c.seed, Place::feed_forward)}, state, arena);
  }
  cache.output = state;
  return cache;
}

MatrixView<float> CausalTransformer::backward(const Cache& cache, MatrixView<float> dy,
                                              StepArena& arena) {
  const std::size_t rows = dy.rows;
  const float p = cache.dropout.probability;
  const MatrixView<float> branch = arena.matrix(rows, shape.width);
  const MatrixView<float> dexpanded = arena.matrix(rows, shape.feed_forward);
  const MatrixView<float> dattended = arena.matrix(rows, shape.hidden);
  const MatrixView<float> dq = arena.matrix(rows, shape.hidden);
  const MatrixView<float> dk = arena.matrix(rows, shape.hidden);
  const MatrixView<float> dv = arena.matrix(rows, shape.hidden);

  for (std::size_t i = layers.size(); i-- > 0;) {
    Layer& layer = layers[i];
    const LayerCache& c = cache.layers[i];
    arena.stages.enter(Stage::feed_forward_backward);
    // x = LN(middle + dropout(contract(gelu(expand(middle))))); dy stays the residual's gradient.
    layer.feed_forward_norm.backward_residual(
        c.feed_forward_norm, {p, stream_of(c.seed, Place::feed_forward)}, dy, branch);
    layer.contract.backward(c.activated, branch, dexpanded);
    gelu_backward(c.expanded, dexpanded);
    layer.expand.backward(c.middle, dexpanded, dy, true);

    arena.stages.enter(Stage::attention_backward);
    // middle = LN(input + dropout(output(attention(input)))).
    layer.attention_norm.backward_residual(c.attention_norm,
                                           {p, stream_of(c.seed, Place::attention)}, dy, branch);
    layer.output.backward(c.attended, branch, dattended);
    causal_attention_backward(
        {cache.offsets, shape.heads, p, stream_of(c.seed, Place::probabilities)}, c.q, c.k, c.v,
        c.probabilities, c.starts, dattended, dq, dk, dv);
    layer.query.backward(c.input, dq, dy, true);
    layer.key.backward(c.input, dk, dy, true);
    layer.value.backward(c.input, dv, dy, true);
  }

  dropout(dy, p, stream_of(cache.dropout.seed, Place::input));
  input_norm.backward(cache.input_norm, dy, dy);
  std::fill(positions.grad.span().begin(), positions.grad.span().end(), 0.0F);
  for_positions(cache.offsets, shape.max_length, [&](std::size_t row, std::size_t position) {
    for (std::size_t c = 0; c < shape.width; ++c) positions.grad[position][c] += dy[row][c];
  });
  return dy;
}

}  // namespace tessera
