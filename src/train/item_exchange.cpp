#include "train/item_exchange.h"

#include <algorithm>
#include <utility>

#include "kernels/rows.h"

namespace tessera {
MatrixView<float> fetch_vectors(const Ranks& ranks, std::span<const std::int32_t> items,
                                MatrixView<const float> own, StepArena& arena) {
  const ItemsByRank sorted = by_rank(items, ranks.size, arena);
  const auto rows = arena.take<std::int32_t>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    rows[static_cast<std::size_t>(sorted.at[i])] =
        static_cast<std::int32_t>(row_of_item(static_cast<std::size_t>(items[i]), ranks.size));
  }
  const auto asked = all_to_all<std::int32_t>(
      ranks, parts_by_rank<std::int32_t>(rows, sorted.counts, arena), arena);
  const auto counts = arena.take<std::size_t>(ranks.size);
  std::ranges::transform(asked.parts, counts.begin(), [](const auto& part) { return part.size(); });
  const MatrixView<float> answers = arena.matrix(asked.all.size(), own.cols);
  gather_rows(own, asked.all, answers);
  const auto received = exchange_rows(ranks, answers, counts, sorted.counts, arena);
  const MatrixView<float> vectors = arena.matrix(items.size(), own.cols);
  gather_rows(received, sorted.at, vectors);
  return vectors;
}

ItemExchange::ItemExchange(const Ranks& ranks, std::size_t items)
    : ranks_(ranks), index_(rows_of_rank(items, ranks.rank, ranks.size)), stamp_(index_.size(), 0) {
  vectors_.fetch = [this](MatrixView<float> computed, StepArena& arena) {
    return fetch(computed, arena);
  };
  vectors_.give_back = [this](MatrixView<float> gradients, StepArena& arena) {
    return give_back(gradients, arena);
  };
  inputs_.ranks = &ranks;
}

// What this rank asks for, in the order of the ranks that it asks.
std::span<ItemExchange::Input> ItemExchange::questions_of(const TrainingBatch& batch,
                                                          std::span<const std::int32_t> places,
                                                          std::size_t max_length,
                                                          StepArena& arena) {
  // Distinct inputs are numbered in the order in which they occur.
  const auto first_places = arena.take<std::int32_t>(batch.input_counts.size());
  std::size_t met = 0;
  for (std::size_t s = 0; s + 1 < batch.step.offsets.size(); ++s) {
    const std::int32_t begin = batch.step.offsets[s];
    for (std::int32_t at = begin; at < batch.step.offsets[s + 1]; ++at) {
      if (static_cast<std::size_t>(batch.step.inputs[static_cast<std::size_t>(at)]) != met)
        continue;
      first_places[met++] = places[s] * static_cast<std::int32_t>(max_length) + at - begin;
    }
  }
  const std::span<const std::int32_t> items = batch.step.items.items;
  asked_ = by_rank(items, ranks_.size, arena);
  const std::span<Input> questions = arena.take<Input>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool input = i < batch.input_counts.size();
    questions[static_cast<std::size_t>(asked_.at[i])] = {
        input ? first_places[i] : -1,
        static_cast<std::int32_t>(row_of_item(static_cast<std::size_t>(items[i]), ranks_.size)),
        input ? batch.input_counts[i] : 0.0F};
  }
  return questions;
}

// Finds the rows that are computed here: inputs first, in their order over all ranks, which are
// returned; then the others as they come.
std::span<const ItemExchange::Input> ItemExchange::answer(const Received<Input>& asked,
                                                          std::span<std::int32_t> rows,
                                                          StepArena& arena) {
  ++step_;
  const std::span<Input> inputs = arena.take<Input>(asked.all.size());
  std::size_t count = 0;
  const auto known = [&](const Input& question) {
    std::uint64_t& stamp = stamp_[static_cast<std::size_t>(question.row)];
    return std::exchange(stamp, step_) == step_;
  };
  const auto index = [&](const Input& question) -> std::int32_t& {
    return index_[static_cast<std::size_t>(question.row)];
  };
  for (const Input& question : asked.all) {
    if (question.count == 0.0F) continue;
    if (!known(question)) {
      index(question) = static_cast<std::int32_t>(count);
      inputs[count++] = question;
    } else {
      Input& input = inputs[static_cast<std::size_t>(index(question))];
      input.place = std::min(input.place, question.place);
      input.count += question.count;
    }
  }
  std::ranges::sort(inputs.first(count), {}, &Input::place);
  for (std::size_t i = 0; i < count; ++i) {
    index(inputs[i]) = static_cast<std::int32_t>(i);
    rows[i] = inputs[i].row;
  }
  rows_ = count;
  computed_ = arena.take<std::int32_t>(asked.all.size());
  for (std::size_t i = 0; i < asked.all.size(); ++i) {
    const Input& question = asked.all[i];
    if (!known(question)) {
      index(question) = static_cast<std::int32_t>(rows_);
      rows[rows_++] = question.row;
    }
    computed_[i] = index(question);
  }
  return inputs.first(count);
}

TrainingBatch ItemExchange::plan(const TrainingBatch& batch, std::span<const std::int32_t> places,
                                 std::size_t max_length, StepArena& arena) {
  if (ranks_.size == 1) return batch;
  const std::span<Input> questions = questions_of(batch, places, max_length, arena);
  const Received<Input> asked =
      all_to_all<Input>(ranks_, parts_by_rank<Input>(questions, asked_.counts, arena), arena);
  answered_ = arena.take<std::size_t>(ranks_.size);
  for (std::size_t r = 0; r < ranks_.size; ++r) answered_[r] = asked.parts[r].size();
  const auto rows = arena.take<std::int32_t>(asked.all.size());
  const std::span<const Input> inputs = answer(asked, rows, arena);
  share_inputs(inputs, arena);

  const auto counts = arena.take<float>(inputs.size());
  const auto weights = arena.take<float>(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    counts[i] = inputs[i].count;
    weights[i] = counts[i] / static_cast<float>(positions_);
  }
  TrainingBatch planned = batch;
  planned.input_counts = counts;
  planned.step.items = {rows.first(rows_), weights};
  planned.step.exchange = &vectors_;
  planned.step.all_positions = static_cast<std::size_t>(positions_);
  return planned;
}

void ItemExchange::share_inputs(std::span<const Input> mine, StepArena& arena) {
  const auto gathered = all_gather<Input>(ranks_, mine, arena).all;
  const std::span<Input> all = arena.take<Input>(gathered.size());
  std::ranges::copy(gathered, all.begin());
  std::ranges::sort(all, {}, &Input::place);
  const auto weights = arena.take<float>(all.size());
  const auto places = arena.take<std::int32_t>(all.size());
  positions_ = 0;
  std::size_t next = 0;  // of mine, which are in the same order; no two inputs share a place
  for (std::size_t i = 0; i < all.size(); ++i) {
    weights[i] = all[i].count;
    positions_ += double{all[i].count};
    const bool here = next < mine.size() && mine[next].place == all[i].place;
    places[i] = here ? static_cast<std::int32_t>(next++) : -1;
  }
  inputs_.weights = weights;
  inputs_.mine = places;
}

MatrixView<float> ItemExchange::fetch(MatrixView<float> computed, StepArena& arena) const {
  const MatrixView<float> answers = arena.matrix(computed_.size(), computed.cols);
  gather_rows(computed, computed_, answers);
  const auto received = exchange_rows(ranks_, answers, answered_, asked_.counts, arena);
  const MatrixView<float> vectors = arena.matrix(asked_.at.size(), computed.cols);
  gather_rows(received, asked_.at, vectors);
  return vectors;
}

MatrixView<float> ItemExchange::give_back(MatrixView<float> gradients, StepArena& arena) const {
  const MatrixView<float> sorted = arena.matrix(asked_.order.size(), gradients.cols);
  gather_rows(gradients, asked_.order, sorted);
  const auto received = exchange_rows(ranks_, sorted, asked_.counts, answered_, arena);
  const MatrixView<float> sums = arena.zeros(rows_, gradients.cols);
  scatter_add_rows(received, computed_, sums);
  return sums;
}

}  // namespace tessera
