#include "train/batch.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {

namespace {

// The items that are not withheld and not in the training history.
std::vector<std::int32_t> items_left(const Dataset& data, std::size_t user) {
  std::vector<bool> taken(data.items.size());
  for (std::size_t i = 0; i < taken.size(); ++i) taken[i] = data.items[i].withheld;
  for (const std::int32_t item : train_history(data, user)) {
    taken[static_cast<std::size_t>(item)] = true;
  }
  std::vector<std::int32_t> left;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i]) left.push_back(static_cast<std::int32_t>(i));
  }
  return left;
}

// Whether so many events could hold nearly all of the items: most users are told by a look.
bool may_have_nearly_all(std::size_t events, std::size_t items) {
  return 16 * events >= 15 * items;
}

}  // namespace

std::size_t users_without_negatives(const Dataset& data) {
  const std::size_t trainable = count_trainable(data);
  std::size_t users = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const std::size_t events = train_history(data, u).size();
    if (events < 2 || !may_have_nearly_all(events, trainable)) continue;
    users += items_left(data, u).empty() ? 1 : 0;
  }
  return users;
}

void weigh_targets(const Settings& settings, Dataset& data) {
  if (settings.event_weights == EventWeights::equal) {
    data.weights.clear();
    data.train_weights.clear();
    return;
  }
  double sum = 0.0;
  std::size_t targets = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto weights = train_weights(data, u);
    for (std::size_t e = 1; e < weights.size(); ++e) sum += double{weights[e]};
    targets += weights.empty() ? 0 : weights.size() - 1;
  }
  if (!(sum > 0.0)) {
    fail(
        "event_weights=given: {} prepare the log with --event-types whose weights differ, or train "
        "without it",
        data.weights.empty() ? "the dataset holds no weights;" : "all training events weigh 0;");
  }
  const double mean = sum / static_cast<double>(targets);
  for (std::vector<float>* weights : {&data.weights, &data.train_weights}) {
    for (float& weight : *weights) weight = static_cast<float>(double{weight} / mean);
  }
}

Batcher::Batcher(const Dataset& data, std::size_t shared_negatives,
                 std::span<const std::int32_t> numbers)
    : data_(data),
      shared_negatives_(shared_negatives),
      numbers_(numbers),
      place_(data.items.size()),
      stamp_(data.items.size(), 0),
      touched_(shared_negatives == 0 ? data.items.size() : 0, 0) {
  const std::size_t trainable = count_trainable(data);
  all_are_negatives_ = shared_negatives > 0 && shared_negatives >= trainable;
  if (all_are_negatives_) shared_negatives_ = trainable;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto user = static_cast<std::int32_t>(u);
    const std::size_t length = train_history(data, u).size();
    if (length < 2) continue;
    if (shared_negatives == 0 && may_have_nearly_all(length, trainable)) {
      std::vector<std::int32_t> left = items_left(data, u);
      if (left.empty()) continue;
      if (16 * left.size() <= trainable) left_.emplace(user, std::move(left));
    }
    users_.push_back({user, static_cast<std::int32_t>(length - 1)});
  }
}

std::span<const std::int32_t> Batcher::targets_of(const Window& window) const {
  return train_history(data_, static_cast<std::size_t>(window.user))
      .subspan(static_cast<std::size_t>(window.first), static_cast<std::size_t>(window.targets));
}

std::int32_t Batcher::draw_negative(Random& random) const {
  std::int32_t negative = 0;
  do {
    negative = static_cast<std::int32_t>(random.below(data_.items.size()));
  } while (data_.items[static_cast<std::size_t>(negative)].withheld);
  return negative;
}

void Batcher::take_shared_negatives(std::span<std::int32_t> negatives, Random& random) const {
  if (!all_are_negatives_) {
    for (std::int32_t& negative : negatives) negative = draw_negative(random);
    return;
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < data_.items.size(); ++i) {
    if (!data_.items[i].withheld) negatives[next++] = static_cast<std::int32_t>(i);
  }
}

void Batcher::draw_negatives_of(const Window& window, std::uint64_t seed,
                                std::span<std::int32_t> negatives) {
  const auto u = static_cast<std::size_t>(window.user);
  const auto history = train_history(data_, u);
  // A stream a window, that of the last one named by the user alone.
  const auto after = history.size() - static_cast<std::size_t>(window.first + window.targets);
  const auto number = static_cast<std::uint64_t>(numbers_.empty() ? window.user : numbers_[u]);
  Random random(seed, {number ^ (std::uint64_t{after} << 32U)});
  const auto few = left_.find(window.user);
  if (few != left_.end()) {
    for (std::int32_t& drawn : negatives) drawn = few->second[random.below(few->second.size())];
    return;
  }
  ++histories_;
  for (const std::int32_t item : history) touched_[static_cast<std::size_t>(item)] = histories_;
  for (std::int32_t& drawn : negatives) {
    do {
      drawn = draw_negative(random);
    } while (touched_[static_cast<std::size_t>(drawn)] == histories_);
  }
}

TrainingBatch Batcher::build(std::span<const Window> windows, Random& random, StepArena& arena) {
  ++step_;
  std::size_t positions = 0;
  for (const Window& window : windows) positions += static_cast<std::size_t>(window.targets);

  const auto offsets = arena.take<std::int32_t>(windows.size() + 1);
  const auto inputs = arena.take<std::int32_t>(positions);
  const auto positives = arena.take<std::int32_t>(positions);
  const auto negatives =
      arena.take<std::int32_t>(shared_negatives_ > 0 ? shared_negatives_ : positions);
  const auto target_weights = arena.take<float>(data_.weights.empty() ? 0 : positions);
  const auto items = arena.take<std::int32_t>(2 * positions + negatives.size());
  const auto counts = arena.take<float>(positions);
  std::size_t distinct = 0;
  const auto place = [&](std::int32_t item) {
    const auto i = static_cast<std::size_t>(item);
    if (stamp_[i] != step_) {
      stamp_[i] = step_;
      place_[i] = static_cast<std::int32_t>(distinct);
      items[distinct++] = item;
    }
    return place_[i];
  };

  // Inputs first: the losses of the quantizer are over the head of the distinct items.
  offsets[0] = 0;
  std::size_t at = 0;
  for (std::size_t s = 0; s < windows.size(); ++s) {
    const auto targets = targets_of(windows[s]);
    for (const std::int32_t* input = targets.data() - 1;
         input + 1 < targets.data() + targets.size(); ++input) {
      const std::size_t before = distinct;
      inputs[at] = place(*input);
      if (distinct > before) counts[before] = 0.0F;
      counts[static_cast<std::size_t>(inputs[at])] += 1.0F;
      ++at;
    }
    offsets[s + 1] = static_cast<std::int32_t>(at);
  }
  const std::size_t distinct_inputs = distinct;
  at = 0;
  const std::uint64_t seed = shared_negatives_ == 0 ? random.next() : 0;
  for (const Window& window : windows) {
    const auto count = static_cast<std::size_t>(window.targets);
    const auto own = shared_negatives_ == 0 ? negatives.subspan(at, count) : negatives.first(0);
    if (shared_negatives_ == 0) draw_negatives_of(window, seed, own);
    if (!target_weights.empty()) {
      const auto of_user = train_weights(data_, static_cast<std::size_t>(window.user));
      std::ranges::copy(of_user.subspan(static_cast<std::size_t>(window.first), count),
                        target_weights.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (const std::int32_t target : targets_of(window)) {
      positives[at] = place(target);
      if (shared_negatives_ == 0) negatives[at] = place(negatives[at]);
      ++at;
    }
  }
  if (shared_negatives_ > 0) take_shared_negatives(negatives, random);
  for (std::int32_t& negative : negatives.first(shared_negatives_)) negative = place(negative);
  const auto weights = arena.take<float>(distinct_inputs);
  for (std::size_t i = 0; i < distinct_inputs; ++i) {
    weights[i] = counts[i] / static_cast<float>(positions);
  }
  TrainingBatch batch{{offsets, inputs, positives, negatives, {items.first(distinct), weights}},
                      counts.first(distinct_inputs)};
  batch.step.all_positions = positions;
  batch.step.weights = target_weights;
  return batch;
}

}  // namespace tessera
