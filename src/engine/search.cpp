#include "engine/search.h"

#include <algorithm>
#include <chrono>

namespace tessera {

std::shared_ptr<const ItemSet> Model::State::passing(const Filter* filter) const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto lasting = attributes.lasting(std::chrono::duration<double>(now).count(), numbers());
  if (filter == nullptr) return lasting;
  auto passing = std::make_shared<ItemSet>(attributes.select(*filter, numbers()));
  if (lasting) *passing &= *lasting;
  return passing;
}

Model::Search::Search(const State& state, const RecommendOptions& options)
    : state_(state), options_(options), allowed_(state.passing(options.filter)) {
  if (!options.allow) return;
  auto allowed = std::make_shared<ItemSet>();
  for (const std::int32_t item : *options.allow) allowed->insert(item);
  if (allowed_) *allowed &= *allowed_;
  allowed_ = std::move(allowed);
}

SearchFilter Model::Search::filter_for(History history, std::vector<std::int32_t>& excluded) const {
  SearchFilter filter;
  filter.accepts = options_.accepts;
  filter.allowed = allowed_.get();
  filter.excluded = options_.deny;
  if (options_.repeats) return filter;
  filter.excluded = history;
  if (options_.deny.empty()) return filter;
  excluded.assign(options_.deny.begin(), options_.deny.end());
  excluded.insert(excluded.end(), history.begin(), history.end());
  filter.excluded = excluded;
  return filter;
}

std::vector<ScoredItem> Model::Search::one(std::span<const float> user, History history) const {
  std::vector<std::int32_t> excluded;
  return state_.index->search(user, options_.k, filter_for(history, excluded));
}

std::vector<ScoredItem> Model::Search::one(std::span<const float> user, History history,
                                           std::size_t k, const Accepts& accepts) const {
  std::vector<std::int32_t> excluded;
  SearchFilter filter = filter_for(history, excluded);
  filter.accepts = [&](std::int32_t item) {
    return accepts(item) && (!options_.accepts || options_.accepts(item));
  };
  return state_.index->search(user, k, filter);
}

bool Model::Search::passes(std::int32_t item) const {
  return (!allowed_ || allowed_->contains(item)) && (!options_.accepts || options_.accepts(item)) &&
         state_.item(item).known && std::ranges::find(options_.deny, item) == options_.deny.end();
}

std::vector<std::vector<ScoredItem>> Model::Search::many(MatrixView<const float> users,
                                                         std::span<const History> histories) const {
  std::vector<std::vector<std::int32_t>> excluded(histories.size());
  std::vector<SearchFilter> filters(histories.size());
  for (std::size_t i = 0; i < histories.size(); ++i) {
    filters[i] = filter_for(histories[i], excluded[i]);
  }
  auto lists = state_.index->search_batch(users, options_.k, filters);
  for (std::size_t i = 0; i < histories.size(); ++i) {
    if (histories[i].empty()) lists[i].clear();
  }
  return lists;
}

}  // namespace tessera
