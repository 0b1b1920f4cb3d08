#include "nn/causal_transformer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/convolution.h"
#include "kernels/elementwise.h"
#include "kernels/rows.h"

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
                      LayerNorm(name("feed_forward_norm"), shape.width),
                      Parameter(name("convolution"), shape.convolution, shape.width)});
  }
}

void CausalTransformer::initialise(Random& random) {
  fill_normal(positions.value.span(), 0.02, random);
  for (Layer& layer : layers) {
    for (Linear* linear :
         {&layer.query, &layer.key, &layer.value, &layer.output, &layer.expand, &layer.contract}) {
      linear->initialise(random);
    }
    fill_normal(layer.convolution.value.span(), 0.02, random);
  }
}

void CausalTransformer::take_over(CausalTransformer& narrower, std::size_t column) {
  ParameterList from;
  ParameterList to;
  narrower.collect(from);
  collect(to);
  for (std::size_t p = 0; p < from.size(); ++p) {
    const MatrixView<const float> values = from[p]->value;
    const MatrixView<float> wider = to[p]->value;
    const std::size_t row = values.rows == wider.rows ? 0 : column;
    const std::size_t first = values.cols == wider.cols ? 0 : column;
    for (std::size_t r = 0; r < values.rows; ++r) {
      std::ranges::copy(values.row(r),
                        wider.row(row + r).begin() + static_cast<std::ptrdiff_t>(first));
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
    if (shape.convolution > 0) list.push_back(&layer.convolution);
    layer.attention_norm.collect(list);
    layer.expand.collect(list);
    layer.contract.collect(list);
    layer.feed_forward_norm.collect(list);
  }
}

void CausalTransformer::Layer::attend(const AttentionShape& attention, LayerCache& c,
                                      StepArena& arena) const {
  arena.stages.enter(Stage::attention);
  for (MatrixView<float>* part : {&c.q, &c.k, &c.v, &c.attended}) {
    *part = arena.matrix(c.input.rows, query.out());
  }
  c.probabilities = arena.take<float>(attention_probabilities(attention.offsets, attention.heads));
  c.starts = arena.take<std::size_t>(attention.offsets.size());
  query.forward(c.input, c.q);
  key.forward(c.input, c.k);
  value.forward(c.input, c.v);
  causal_attention(attention, c.q, c.k, c.v, c.probabilities, c.starts, c.attended);
}

void CausalTransformer::Layer::join(SequenceOffsets offsets, LayerCache& c,
                                    StepArena& arena) const {
  c.middle = arena.matrix(c.input.rows, output.out());
  output.multiply(c.attended, c.middle);
  add_causal_convolution(offsets, c.input, convolution.value, c.middle);
}

void CausalTransformer::Layer::finish(float dropout, LayerCache& c, StepArena& arena) const {
  c.attention_norm = attention_norm.forward_residual(
      c.input, output.bias, {dropout, stream_of(c.seed, Place::attention)}, c.middle, arena);

  arena.stages.enter(Stage::feed_forward);
  c.expanded = arena.matrix(c.input.rows, expand.out());
  c.activated = arena.matrix(c.input.rows, expand.out());
  expand.multiply(c.middle, c.expanded);
  bias_gelu(c.expanded, expand.bias.value.span(), c.activated);
  c.output = arena.matrix(c.input.rows, contract.out());
  contract.multiply(c.activated, c.output);
  c.feed_forward_norm = feed_forward_norm.forward_residual(
      c.middle, contract.bias, {dropout, stream_of(c.seed, Place::feed_forward)}, c.output, arena);
}

MatrixView<float> CausalTransformer::enter(MatrixView<const float> x, SequenceOffsets offsets,
                                           LayerNorm::Cache& cache, StepArena& arena) const {
  arena.stages.enter(Stage::attention);
  const MatrixView<float> state = arena.matrix(x.rows, shape.width);
  for_positions(offsets, shape.max_length, [&](std::size_t row, std::size_t position) {
    for (std::size_t c = 0; c < shape.width; ++c) {
      state[row][c] = x[row][c] + positions.value[position][c];
    }
  });
  cache = input_norm.forward(state, state, arena);
  return state;
}

CausalTransformer::Cache CausalTransformer::forward(MatrixView<const float> x,
                                                    SequenceOffsets offsets,
                                                    const DropoutStep& dropout_step,
                                                    StepArena& arena) const {
  Cache cache;
  cache.offsets = offsets;
  cache.dropout = dropout_step;
  cache.layers = arena.take<LayerCache>(layers.size());
  const float p = dropout_step.probability;
  cache.output = enter(x, offsets, cache.input_norm, arena);
  dropout(cache.output, p, stream_of(dropout_step.seed, Place::input));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    LayerCache& c = cache.layers[i] = LayerCache{};
    c.input = cache.output;
    c.seed = mix_bits(dropout_step.seed + i + 1);
    layers[i].attend({offsets, shape.heads, p, stream_of(c.seed, Place::probabilities)}, c, arena);
    layers[i].join(offsets, c, arena);
    layers[i].finish(p, c, arena);
    cache.output = c.output;
  }
  return cache;
}

void CausalTransformer::end(SequenceOffsets offsets, LayerCache& c, StepArena& arena) const {
  const Layer& layer = layers.back();
  const MatrixView<float> x = c.input;
  const std::size_t sequences = offsets.size() - 1;
  const std::span<std::int32_t> last = arena.take<std::int32_t>(sequences);
  for (std::size_t s = 0; s < sequences; ++s) last[s] = std::max(offsets[s + 1] - 1, 0);
  c.k = arena.matrix(x.rows, shape.hidden);
  c.v = arena.matrix(x.rows, shape.hidden);
  layer.key.forward(x, c.k);
  layer.value.forward(x, c.v);
  c.input = arena.matrix(sequences, shape.width);
  gather_rows(x, last, c.input);
  c.q = arena.matrix(sequences, shape.hidden);
  c.attended = arena.matrix(sequences, shape.hidden);
  layer.query.forward(c.input, c.q);
  last_attention(offsets, shape.heads, c.q, c.k, c.v, arena.take<float>(x.rows * shape.heads),
                 c.attended);
  c.middle = arena.matrix(sequences, shape.width);
  layer.output.multiply(c.attended, c.middle);
  add_last_convolution(offsets, x, layer.convolution.value, c.middle);
}

MatrixView<float> CausalTransformer::final_states(MatrixView<const float> x,
                                                  SequenceOffsets offsets, StepArena& arena) const {
  const std::size_t sequences = offsets.size() - 1;
  if (x.rows == 0) return arena.zeros(sequences, shape.width);
  LayerCache c;
  c.output = enter(x, offsets, c.attention_norm, arena);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    c.input = c.output;
    if (i + 1 < layers.size()) {
      layer.attend({offsets, shape.heads}, c, arena);
      layer.join(offsets, c, arena);
    } else {
      end(offsets, c, arena);
    }
    layer.finish(0.0F, c, arena);
  }
  for (std::size_t s = 0; s < sequences; ++s) {
    if (offsets[s] == offsets[s + 1]) std::ranges::fill(c.output.row(s), 0.0F);
  }
  return c.output;
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
    // middle = LN(input + dropout(output(attention(input)) + convolution(input))).
    layer.attention_norm.backward_residual(c.attention_norm,
                                           {p, stream_of(c.seed, Place::attention)}, dy, branch);
    causal_convolution_backward(cache.offsets, c.input, layer.convolution.value, branch, dy,
                                layer.convolution.grad);
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
