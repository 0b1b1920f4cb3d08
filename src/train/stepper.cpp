#include "train/stepper.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/held_signals.h"
#include "train/warm_start.h"

namespace tessera {
namespace {

// Purposes of random streams. A stream is named by seed, purpose, epoch and step.
enum Purpose : std::uint64_t { kNegatives = 2, kDropout, kCodebooks };

Random stream(const TrainingState& state, Purpose purpose) {
  return Random(state.model.settings.seed, {purpose, state.epoch, state.step});
}

AdamSettings adam_settings(const TrainingState& state, std::size_t steps) {
  const Settings& settings = state.model.settings;
  const double share = state.from.is_null() ? 1.0 : kWarmRate;
  AdamSettings adam{.learning_rate = static_cast<float>(share * settings.learning_rate)};
  if (settings.schedule == Schedule::linear) adam.decay_updates = steps * settings.epochs;
  return adam;
}

// What is trained: where the tokens of known items are kept, nothing that codes come from is.
ParameterList trained_parameters(TrainingState& state) {
  ParameterList list = state.model.parameters();
  if (state.keeps_tokens()) {
    std::erase_if(list, [](const Parameter* p) {
      return p->name.starts_with("item_encoder") || p->name.starts_with("item_decoder");
    });
  }
  return list;
}

// total, recommendation, reconstruction, then commitments and residual norms by level.
std::span<double> flat(const StepLosses& losses, StepArena& arena) {
  const std::size_t levels = losses.items.commitment.size();
  const std::span<double> values = arena.take<double>(3 + 2 * levels);
  values[0] = losses.total;
  values[1] = losses.recommendation;
  values[2] = losses.items.reconstruction;
  std::ranges::copy(losses.items.commitment, values.begin() + 3);
  std::ranges::copy(losses.items.residual_norm, values.begin() + 3 + static_cast<long>(levels));
  return values;
}

// Those of all ranks, by their numbers in the whole, ascending.
std::vector<UserTargets> all_users(std::span<const UserTargets> here, const TrainingShare& share) {
  std::vector<UserTargets> numbered;
  for (const UserTargets& of : here) numbered.push_back({share.number(of.user), of.targets});
  StepArena arena;
  const auto all = all_gather<UserTargets>(share.ranks, numbered, arena).all;
  std::vector<UserTargets> users(all.begin(), all.end());
  std::ranges::sort(users, {}, &UserTargets::user);
  return users;
}

}  // namespace

Stepper::Stepper(TrainingState& state, const Dataset& data, MatrixView<const float> text,
                 const TrainingShare& share)
    : state_(state),
      text_(text),
      ranks_(share.ranks),
      batcher_(data, state.model.settings.shared_negatives(), share.users),
      exchange_(ranks_, data.items.size()),
      users_(all_users(batcher_.users(), share)),
      steps_(steps_of_epoch(users_, state.model.settings)),
      optimizer_(trained_parameters(state), adam_settings(state, steps_)) {
  state.model.settings.training_precision();  // refuses early what this CPU cannot do
  if (users_.empty()) {
    if (users_without_negatives(data) > 0) {
      fail("every user who could be trained on has all items: none is left as a negative");
    }
    fail("no user has two events to train on (a history needs four: two of them are held out)");
  }
  here_.assign(static_cast<std::size_t>(users_.back().user) + 1, -1);
  for (const UserTargets& of : batcher_.users()) {
    here_[static_cast<std::size_t>(share.number(of.user))] = of.user;
  }
  for (Parameter* p : state.model.parameters()) {
    if (!p->is_table()) dense_.push_back(p->grad.span());
  }
}

EpochPlan Stepper::plan_epoch() const {
  return tessera::plan_epoch(users_, state_.model.settings, state_.epoch);
}

void Stepper::settle() { optimizer_.catch_up(state_.updates); }

void Stepper::initialise_codebooks(const TrainingBatch& batch) {
  UnifiedItemEncoder& encoder = state_.model.item_encoder;
  const StepItems inputs{batch.step.items.items.first(batch.input_counts.size()), {}};
  const auto cache = encoder.forward(text_, inputs, arena_);
  Random random = stream(state_, kCodebooks);
  encoder.quantizer.initialise(cache.encoder.output, batch.input_counts, random, arena_,
                               exchange_.inputs());
  for (ResidualQuantizer::Level& level : encoder.quantizer.levels) {
    for (Matrix* found : {&level.codebook, &level.sums, &level.counts}) {
      broadcast(ranks_, found->span());
    }
  }
}

// This rank's part of the batch, with the items that it computes.
TrainingBatch Stepper::build(std::span<const Window> windows) {
  Random negatives = stream(state_, kNegatives);
  const auto own = arena_.take<Window>(windows.size());
  const auto places = arena_.take<std::int32_t>(windows.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::int32_t here = here_[static_cast<std::size_t>(windows[i].user)];
    if (here < 0) continue;
    own[count] = {here, windows[i].first, windows[i].targets};
    places[count++] = static_cast<std::int32_t>(i);
  }
  const TrainingBatch batch = batcher_.build(own.first(count), negatives, arena_);
  return exchange_.plan(batch, places.first(count), state_.model.settings.max_length, arena_);
}

void Stepper::step(std::span<const Window> windows) {
  const HeldSignals held;  // once for all products of a step
  arena_.reset();
  arena_.stages.enter(Stage::batch);
  Recommender& model = state_.model;
  const Settings& settings = model.settings;
  const TrainingBatch batch = build(windows);
  arena_.stages.enter(Stage::optimizer);
  optimizer_.catch_up(state_.updates, batch.step.items.items);
  if (state_.updates == 0 && settings.has_semantics() && state_.from.is_null()) {
    initialise_codebooks(batch);
  }
  // What is dropped goes by places in the rank's own part of the batch: ranks must drop apart.
  const DropoutStep dropout{static_cast<float>(settings.dropout),
                            seed_of_rank(ranks_, stream(state_, kDropout).next())};
  const StepResult result = compute_gradients(model, text_, batch.step, dropout, arena_);
  const std::span<double> losses = flat(result.losses, arena_);
  all_reduce(ranks_, losses);
  all_reduce(ranks_, dense_, arena_);
  if (!std::isfinite(losses[0])) {
    fail(
        "the loss is not finite at epoch {}, step {}: lower learning_rate, or check the embeddings",
        state_.epoch + 1, state_.step + 1);
  }
  if (settings.has_semantics() && !state_.keeps_tokens()) {
    arena_.stages.enter(Stage::quantizer);
    Random random = stream(state_, kCodebooks);
    model.item_encoder.quantizer.update(result.items.quantized, batch.input_counts, random, arena_,
                                        exchange_.inputs());
  }
  ++state_.updates;
  arena_.stages.enter(Stage::optimizer);
  optimizer_.update(state_.updates);
  state_.loss_sums.resize(losses.size());
  std::ranges::transform(losses, state_.loss_sums, state_.loss_sums.begin(), std::plus());
  ++state_.step;
  arena_.stages.enter(Stage::other);
}

}  // namespace tessera
