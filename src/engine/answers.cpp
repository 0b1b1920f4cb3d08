// What a model answers: lists, states, reasons, items alike.
#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "engine/ruled_search.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

/// Histories of which states and lists are made at once.
constexpr std::size_t kHistoryBlock = 256;

void check_history(History history) {
  if (history.empty()) fail_usage("an empty history says nothing: give at least one item");
}

void check_length(std::size_t k) {
  if (k == 0) fail_usage("k = 0: a list has at least one item");
}

}  // namespace

void Model::State::check(const RecommendOptions& options) const {
  check_length(options.k);
  if (options.allow) check(*options.allow);
  if (options.rules != nullptr) check(*options.rules);
  if (options.blend != nullptr) check(*options.blend);
  check(options.deny);
}

std::vector<ScoredItem> Model::recommend(History history, const RecommendOptions& options) const {
  const State& state = *state_;
  check_history(history);
  state.check(history);
  state.check(options);
  const Arenas::Lease arena(state_->arenas);
  const History read = history.last(std::min(history.size(), max_length()));
  const MatrixView<float> vectors = arena->matrix(read.size(), width());
  state.copy_vectors(read, vectors);
  const std::int32_t offsets[] = {0, static_cast<std::int32_t>(read.size())};
  const MatrixView<float> user = arena->matrix(1, width());
  sequence_states(state.bundle.model, vectors, offsets, *arena, user);
  if (options.state != nullptr) options.state->assign(user[0], user[0] + width());
  const Search search(state, options);
  if (RuledSearch::is_for(history, options)) {
    return RuledSearch(state, search, options).one(user.row(0), history);
  }
  return search.one(user.row(0), history);
}

std::vector<Recommendation> Model::recommend(std::span<const std::string> history,
                                             const RecommendOptions& options) const {
  std::vector<Recommendation> list;
  for (const ScoredItem& best : recommend(known(history), options)) {
    ItemCard found = card(best.item);
    list.push_back({std::move(found.id), std::move(found.title), best.score});
  }
  return list;
}

std::vector<std::vector<ScoredItem>> Model::recommend_many(std::span<const History> histories,
                                                           const RecommendOptions& options) const {
  const State& state = *state_;
  state.check(options);
  for (const History history : histories) state.check(history);
  const Search search(state, options);
  const auto ruled_for = [&](History history) {
    return !history.empty() && RuledSearch::is_for(history, options);
  };
  std::optional<RuledSearch> ruled;
  if (std::ranges::any_of(histories, ruled_for)) ruled.emplace(state, search, options);
  std::vector<std::vector<ScoredItem>> result;
  result.reserve(histories.size());
  const std::size_t block = std::min(kHistoryBlock, histories.size());
  Matrix states(block, width());
  for (std::size_t first = 0; first < histories.size(); first += block) {
    if (options.progress) options.progress(first, histories.size());
    const auto part = histories.subspan(first, std::min(block, histories.size() - first));
    const MatrixView<float> users = states.view().row_block(0, part.size());
    user_states(state.bundle.model, state.copier(), part, users);
    // Rules are for all of them.
    auto lists = options.rules != nullptr ? std::vector<std::vector<ScoredItem>>(part.size())
                                          : search.many(users, part);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (ruled_for(part[i])) lists[i] = ruled->one(users.row(i), part[i]);
    }
    std::ranges::move(lists, std::back_inserter(result));
  }
  return result;
}

std::vector<float> Model::states(std::span<const History> histories) const {
  const State& state = *state_;
  for (const History history : histories) state.check(history);
  std::vector<float> rows(histories.size() * width());
  user_states(state.bundle.model, state.copier(), histories,
              {rows.data(), histories.size(), width()});
  return rows;
}

std::vector<float> Model::score(History history, std::span<const std::int32_t> items) const {
  check_history(history);
  const History histories[] = {history};
  const std::vector<float> user = states(histories), rows = vectors(items);
  std::vector<float> scores;
  for (std::size_t i = 0; i < items.size(); ++i) {
    scores.push_back(dot(user, std::span(rows).subspan(i * width(), width())));
  }
  return scores;
}

namespace {

/// The state after a history of item vectors [length, width], and then after it without its event
/// i, for each i: [length + 1, width].
MatrixView<float> states_without(const Recommender& model, MatrixView<const float> history,
                                 StepArena& arena) {
  const auto [length, width] = std::pair(history.rows, history.cols);
  const MatrixView<float> vectors = arena.matrix(length * length, width);
  const std::span<std::int32_t> offsets = arena.take<std::int32_t>(length + 2);
  std::size_t row = 0;
  offsets[0] = 0;
  for (std::size_t sequence = 0; sequence <= length; ++sequence) {
    for (std::size_t i = 0; i < length; ++i) {
      if (sequence != i + 1) std::copy_n(history[i], width, vectors[row++]);
    }
    offsets[sequence + 1] = static_cast<std::int32_t>(row);
  }
  const MatrixView<float> states = arena.matrix(length + 1, width);
  sequence_states(model, vectors, offsets, arena, states);
  return states;
}

}  // namespace

RuleEffects Model::explain_rules(History history, std::int32_t item,
                                 const RecommendOptions& options) const {
  const State& state = *state_;
  check_history(history);
  if (options.rules == nullptr) fail_usage("there are no rules to explain: give some");
  state.check(options);
  state.check({&item, 1});
  const std::vector<float> user = states({&history, 1});
  const Search search(state, options);
  return RuledSearch(state, search, options).effects(user, history, item);
}

Explanation Model::explain(History history, std::int32_t item) const {
  const State& state = *state_;
  check_history(history);
  const Arenas::Lease arena(state_->arenas);
  const History read = history.last(std::min(history.size(), max_length()));
  const MatrixView<float> vectors = arena->matrix(read.size(), width());
  state.copy_vectors(read, vectors);
  const MatrixView<float> states = states_without(state.bundle.model, vectors, *arena);

  std::vector<float> target;
  std::vector<std::int32_t> codes;
  {
    const std::shared_lock lock(state.mutex);
    const State::Item& explained = state.item(item);
    const std::span<const float> vector = state.vector(explained);
    const std::span<const std::int32_t> all = state.codes(explained);
    target.assign(vector.begin(), vector.end());
    codes.assign(all.begin(), all.end());
  }
  Explanation why;
  const std::span<const float> user = states.row(0);
  why.score = dot(user, target);
  for (std::size_t place = 0; place < codes.size(); ++place) {
    const auto [rows, column] = state.bundle.model.item_encoder.token_table(place);
    const float part =
        dot(user.subspan(column, rows.cols), rows.row(static_cast<std::size_t>(codes[place])));
    (place < levels() ? why.semantic : why.collaborative).push_back(part);
  }
  const std::size_t shared = state.settings().shared_width();
  why.id_token = dot(user.subspan(shared), std::span<const float>(target).subspan(shared));
  for (std::size_t i = 0; i < read.size(); ++i) {
    why.history.push_back(why.score - dot(states.row(i + 1), target));
  }
  return why;
}

}  // namespace tessera
