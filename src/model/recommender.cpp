#include "model/recommender.h"

#include "kernels/rows.h"
#include "model/objective.h"

namespace tessera {

Recommender::Recommender(const Settings& model_settings, std::size_t items, std::size_t text_dims)
    : settings(model_settings),
      item_encoder(settings, items, text_dims),
      transformer(settings.transformer()),
      item_count(items) {}

void Recommender::initialise(std::size_t catalogue_items, const RowSelection& held) {
  Random random(settings.seed, {0x1717});
  item_encoder.initialise(random, catalogue_items, held);
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
  const MatrixView<float> vectors = batch.exchange->fetch(result.items.vectors, arena);
  const MatrixView<float> inputs = arena.matrix(positions, width);
  gather_rows(vectors, batch.inputs, inputs);
  result.sequence = model.transformer.forward(inputs, batch.offsets, dropout, arena);

  arena.stages.enter(Stage::objective);
  const MatrixView<float> dstates = arena.zeros(positions, width);
  const MatrixView<float> dvectors = arena.zeros(vectors.rows, width);
  const auto objective =
      model.settings.objective == Objective::softmax ? softmax_objective : binary_objective;
  const std::span<float> shares = arena.take<float>(positions);
  for (std::size_t i = 0; i < positions; ++i) {
    const float weight = batch.weights.empty() ? 1.0F : batch.weights[i];
    shares[i] = weight / static_cast<float>(batch.all_positions);
  }
  result.losses.recommendation =
      objective({result.sequence.output, vectors, batch.positives, batch.negatives, shares},
                dstates, dvectors, arena);
  const MatrixView<float> dinputs = model.transformer.backward(result.sequence, dstates, arena);
  arena.stages.enter(Stage::objective);
  scatter_add_rows(dinputs, batch.inputs, dvectors);
  result.losses.items =
      model.item_encoder.backward(result.items, batch.exchange->give_back(dvectors, arena), arena);

  result.losses.total = result.losses.recommendation +
                        model.settings.reconstruction_weight * result.losses.items.reconstruction;
  for (const double commitment : result.losses.items.commitment) {
    result.losses.total += model.settings.commitment_weight * commitment;
  }
  return result;
}

}  // namespace tessera
