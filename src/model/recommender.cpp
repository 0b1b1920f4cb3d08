#include "model/recommender.h"

#include <cmath>

#include "base/parallel.h"
#include "kernels/codes.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

// rows[i] *= factors[i]
void scale_rows(std::span<const float> factors, MatrixView<float> rows) {
  parallel_for(rows.rows, 128, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (float& x : rows.row(i)) x *= factors[i];
    }
  });
}

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
  const auto gather = [&](std::span<const std::int32_t> places) {
    const MatrixView<float> rows = arena.matrix(positions, width);
    gather_rows(result.items.vectors, places, rows);
    return rows;
  };
  result.sequence = model.transformer.forward(gather(batch.inputs), batch.offsets, dropout, arena);
  arena.stages.enter(Stage::objective);
  const MatrixView<float> states = result.sequence.output;
  const MatrixView<float> positives = gather(batch.positives);
  const MatrixView<float> negatives = gather(batch.negatives);
  result.positive_logits = arena.take<float>(positions);
  result.negative_logits = arena.take<float>(positions);
  row_dots(states, positives, result.positive_logits);
  row_dots(states, negatives, result.negative_logits);

  const std::span<float> dpositive = arena.take<float>(positions);
  const std::span<float> dnegative = arena.take<float>(positions);
  const float share = 1.0F / static_cast<float>(positions);
  double loss = 0.0;
  for (std::size_t i = 0; i < positions; ++i) {
    loss +=
        softplus(-double{result.positive_logits[i]}) + softplus(double{result.negative_logits[i]});
    dpositive[i] = -share * sigmoid(-result.positive_logits[i]);
    dnegative[i] = share * sigmoid(result.negative_logits[i]);
  }
  result.losses.recommendation = loss * double{share};

  // dstate = dp · positive + dn · negative; the candidates' gradients are dp · state, dn · state.
  const MatrixView<float> dstates = arena.zeros(positions, width);
  const MatrixView<float> dpositives = arena.zeros(positions, width);
  const MatrixView<float> dnegatives = arena.zeros(positions, width);
  add_scaled(1.0F, states, dpositives);
  add_scaled(1.0F, states, dnegatives);
  scale_rows(dpositive, dpositives);
  scale_rows(dnegative, dnegatives);
  scale_rows(dpositive, positives);
  scale_rows(dnegative, negatives);
  add_scaled(1.0F, positives, dstates);
  add_scaled(1.0F, negatives, dstates);
  const MatrixView<float> dinputs = model.transformer.backward(result.sequence, dstates, arena);

  arena.stages.enter(Stage::objective);
  const MatrixView<float> dvectors = arena.zeros(batch.items.items.size(), width);
  scatter_add_rows(dinputs, batch.inputs, dvectors);
  scatter_add_rows(dpositives, batch.positives, dvectors);
  scatter_add_rows(dnegatives, batch.negatives, dvectors);
  result.losses.items = model.item_encoder.backward(result.items, dvectors, arena);

  result.losses.total = result.losses.recommendation +
                        model.settings.reconstruction_weight * result.losses.items.reconstruction;
  for (const double commitment : result.losses.items.commitment) {
    result.losses.total += model.settings.commitment_weight * commitment;
  }
  return result;
}

}  // namespace tessera
