#include "train/stepper.h"

#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

// Purposes of random streams. A stream is named by seed, purpose, epoch and step.
enum Purpose : std::uint64_t { kOrder = 1, kNegatives, kDropout, kCodebooks };

Random stream(const TrainingState& state, Purpose purpose) {
  return Random(state.model.settings.seed, {purpose, state.epoch, state.step});
}

AdamSettings adam_settings(const Settings& settings, std::size_t users) {
  AdamSettings adam{.learning_rate = static_cast<float>(settings.learning_rate)};
  const std::size_t steps = (users + settings.batch_users - 1) / settings.batch_users;
  if (settings.schedule == "linear") adam.decay_updates = steps * settings.epochs;
  return adam;
}

// sums: total, recommendation, reconstruction, then commitments and residual norms by level.
void add_losses(const StepLosses& losses, std::vector<double>& sums) {
  const std::size_t levels = losses.items.commitment.size();
  sums.resize(3 + 2 * levels);
  sums[0] += losses.total;
  sums[1] += losses.recommendation;
  sums[2] += losses.items.reconstruction;
  for (std::size_t l = 0; l < levels; ++l) {
    sums[3 + l] += losses.items.commitment[l];
    sums[3 + levels + l] += losses.items.residual_norm[l];
  }
}

}  // namespace

Stepper::Stepper(TrainingState& state, const Dataset& data, MatrixView<const float> text)
    : state_(state),
      text_(text),
      batcher_(data, state.model.settings.max_length, state.model.settings.shared_negatives()),
      optimizer_(state.model.parameters(),
                 adam_settings(state.model.settings, batcher_.users().size())) {
  state.model.settings.training_precision();  // refuses early what this CPU cannot do
}

std::vector<std::int32_t> Stepper::epoch_order() const {
  std::vector<std::int32_t> order = batcher_.users();
  Random(state_.model.settings.seed, {kOrder, state_.epoch}).shuffle(std::span(order));
  return order;
}

void Stepper::settle() { optimizer_.catch_up(state_.updates); }

void Stepper::initialise_codebooks(const TrainingBatch& batch) {
  UnifiedItemEncoder& encoder = state_.model.item_encoder;
  const StepItems inputs{batch.step.items.items.first(batch.input_counts.size()), {}};
  const auto cache = encoder.forward(text_, inputs, arena_);
  Random random = stream(state_, kCodebooks);
  encoder.quantizer.initialise(cache.encoder.output, batch.input_counts, random, arena_);
}

void Stepper::step(std::span<const std::int32_t> users) {
  arena_.reset();
  arena_.stages.enter(Stage::batch);
  Recommender& model = state_.model;
  const Settings& settings = model.settings;
  Random negatives = stream(state_, kNegatives);
  const TrainingBatch batch = batcher_.build(users, negatives, arena_);
  arena_.stages.enter(Stage::optimizer);
  optimizer_.catch_up(state_.updates, batch.step.items.items);
  if (state_.updates == 0 && settings.has_semantics()) initialise_codebooks(batch);
  const DropoutStep dropout{static_cast<float>(settings.dropout), stream(state_, kDropout).next()};
  const StepResult result = compute_gradients(model, text_, batch.step, dropout, arena_);
  if (!std::isfinite(result.losses.total)) {
    fail(
        "the loss is not finite at epoch {}, step {}: lower learning_rate, or check the embeddings",
        state_.epoch + 1, state_.step + 1);
  }
  if (settings.has_semantics()) {
    arena_.stages.enter(Stage::quantizer);
    Random random = stream(state_, kCodebooks);
    model.item_encoder.quantizer.update(result.items.quantized, batch.input_counts, random, arena_);
  }
  ++state_.updates;
  arena_.stages.enter(Stage::optimizer);
  optimizer_.update(state_.updates);
  add_losses(result.losses, state_.loss_sums);
  ++state_.step;
  arena_.stages.enter(Stage::other);
}

}  // namespace tessera
