#include "model/recommender.h"

#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

}  // namespace

Recommender::Recommender(const Settings& model_settings, std::size_t items, std::size_t text_dims)
    : settings(model_settings),
      item_encoder(settings, items, text_dims),
      transformer(settings.transformer()),
      item_count(items) {}

void Recommender::initialise() {
  Random random(settings.seed, {0x1717});
  item_encoder.initialise(random);
  transformer.initialise(random);
}

ParameterList Recommender::parameters() {
  ParameterList list;
  item_encoder.collect(list);
  transformer.collect(list);
  return list;
}

StepResult compute_gradients(Recommender& model, MatrixView<const float> text,
                             const StepBatch& batch, const DropoutStep& dropout, StepArena& arena) {
  StepResult result;
  const std::size_t positions = batch.inputs.size();
  const std::size_t width = model.settings.width();
  result.items = model.item_encoder.forward(text, batch.items, arena);
  const MatrixView<float> vectors = result.items.vectors;
  const MatrixView<float> inputs = arena.matrix(positions, width);
  gather_rows(vectors, batch.inputs, inputs);
  result.sequence = model.transformer.forward(inputs, batch.offsets, dropout, arena);

  arena.stages.enter(Stage::objective);
  const MatrixView<float> states = result.sequence.output;
  result.positive_logits = arena.take<float>(positions);
  result.negative_logits = arena.take<float>(positions);
  gathered_dots(states, vectors, batch.positives, result.positive_logits);
  gathered_dots(states, vectors, batch.negatives, result.negative_logits);
  const std::span<float> dpositive = arena.take<float>(positions);
  const std::span<float> dnegative = arena.take<float>(positions);
  const std::span<double> losses = arena.take<double>(positions);
  const float share = 1.0F / static_cast<float>(positions);
  parallel_for(positions, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      losses[i] = softplus(-double{result.positive_logits[i]}) +
                  softplus(double{result.negative_logits[i]});
      dpositive[i] = -share * sigmoid(-result.positive_logits[i]);
      dnegative[i] = share * sigmoid(result.negative_logits[i]);
    }
  });
  result.losses.recommendation = std::accumulate(losses.begin(), losses.end(), 0.0) * double{share};

  const MatrixView<float> dstates = arena.zeros(positions, width);
  gather_add_rows(vectors, batch.positives, dpositive, dstates);
  gather_add_rows(vectors, batch.negatives, dnegative, dstates);
  const MatrixView<float> dinputs = model.transformer.backward(result.sequence, dstates, arena);

  arena.stages.enter(Stage::objective);
  const MatrixView<float> dvectors = arena.zeros(batch.items.items.size(), width);
  scatter_add_rows(dinputs, batch.inputs, dvectors);
  scatter_add_rows(states, batch.positives, dvectors, dpositive);
  scatter_add_rows(states, batch.negatives, dvectors, dnegative);
  result.losses.items = model.item_encoder.backward(result.items, dvectors, arena);

  result.losses.total = result.losses.recommendation +
                        model.settings.reconstruction_weight * result.losses.items.reconstruction;
  for (const double commitment : result.losses.items.commitment) {
    result.losses.total += model.settings.commitment_weight * commitment;
  }
  return result;
}

}  // namespace tessera
