#include "engine/search.h"

#include <algorithm>
#include <iterator>

namespace tessera {
namespace {

/// Where at most one of so many items is allowed, they are scored one by one: each costs a wait for
/// its tokens, where the index reads all items' fields but the tokens of few.
constexpr std::size_t kFew = 64;

}  // namespace

Model::Search::Search(const State& state, const RecommendOptions& options)
    : state_(state), options_(options) {
  if (options.allow) {
    allowed_.emplace();
    for (const std::int32_t item : *options.allow) allowed_->insert(item);
  }
  if (options.filter != nullptr) {
    ItemSet passing = state.attributes.select(*options.filter, state.numbers());
    if (allowed_) {
      *allowed_ &= passing;
    } else {
      allowed_ = std::move(passing);
    }
  }
  if (!allowed_ || allowed_->count() > state.index->size() / kFew) return;
  few_.emplace();
  allowed_->for_each([&](std::int32_t item) { few_->push_back(item); });
}

SearchFilter Model::Search::filter_for(History history, std::vector<std::int32_t>& excluded) const {
  SearchFilter filter;
  filter.accepts = options_.accepts;
  if (allowed_) filter.allowed = &*allowed_;
  filter.excluded = options_.deny;
  if (options_.repeats) return filter;
  filter.excluded = history;
  if (options_.deny.empty()) return filter;
  excluded.assign(options_.deny.begin(), options_.deny.end());
  excluded.insert(excluded.end(), history.begin(), history.end());
  filter.excluded = excluded;
  return filter;
}

std::vector<ScoredItem> Model::Search::among_few(std::span<const float> user, std::size_t k,
                                                 const SearchFilter& filter) const {
  const std::size_t id_dims = state_.settings().id_width();
  const std::shared_lock lock(state_.mutex);
  std::vector<std::int32_t> known;
  std::ranges::copy_if(*few_, std::back_inserter(known),
                       [&](std::int32_t item) { return state_.item(item).known; });
  const auto tokens = [&](std::int32_t number) {
    const State::Item& item = state_.item(number);
    return std::pair(state_.codes(item), state_.vector(item).last(id_dims));
  };
  return state_.index->search_listed(user, k, known, tokens, filter);
}

std::vector<ScoredItem> Model::Search::found(std::span<const float> user, std::size_t k,
                                             const SearchFilter& filter) const {
  return few_ ? among_few(user, k, filter) : state_.index->search(user, k, filter);
}

std::vector<ScoredItem> Model::Search::one(std::span<const float> user, History history) const {
  std::vector<std::int32_t> excluded;
  return found(user, options_.k, filter_for(history, excluded));
}

std::vector<ScoredItem> Model::Search::one(std::span<const float> user, History history,
                                           std::size_t k, const Accepts& accepts) const {
  std::vector<std::int32_t> excluded;
  SearchFilter filter = filter_for(history, excluded);
  filter.accepts = [&](std::int32_t item) {
    return accepts(item) && (!options_.accepts || options_.accepts(item));
  };
  return found(user, k, filter);
}

std::vector<std::int32_t> Model::Search::first_of(std::initializer_list<History> lists) const {
  std::vector<std::int32_t> found;
  const std::shared_lock lock(state_.mutex);
  for (const History list : lists) {
    for (const std::int32_t item : list) {
      if (found.size() == options_.k) return found;
      const bool passes = (!allowed_ || allowed_->contains(item)) &&
                          (!options_.accepts || options_.accepts(item)) &&
                          state_.item(item).known &&
                          std::ranges::find(options_.deny, item) == options_.deny.end();
      if (passes && std::ranges::find(found, item) == found.end()) found.push_back(item);
    }
  }
  return found;
}

std::vector<std::vector<ScoredItem>> Model::Search::many(MatrixView<const float> users,
                                                         std::span<const History> histories) const {
  std::vector<std::vector<std::int32_t>> excluded(histories.size());
  std::vector<SearchFilter> filters(histories.size());
  for (std::size_t i = 0; i < histories.size(); ++i) {
    filters[i] = filter_for(histories[i], excluded[i]);
  }
  std::vector<std::vector<ScoredItem>> lists;
  if (few_) {
    for (std::size_t i = 0; i < histories.size(); ++i) {
      lists.push_back(among_few(users.row(i), options_.k, filters[i]));
    }
  } else {
    lists = state_.index->search_batch(users, options_.k, filters);
  }
  for (std::size_t i = 0; i < histories.size(); ++i) {
    if (histories[i].empty()) lists[i].clear();
  }
  return lists;
}

}  // namespace tessera
