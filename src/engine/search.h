#pragma once
#include "engine/state.h"

namespace tessera {

/// A search for the best items under the options of a call, for one history or many. What the
/// options allow is found once; where that is few items they are scored one by one, otherwise the
/// index is asked: the lists are the same. Both must outlive it.
class Model::Search {
 public:
  Search(const State& state, const RecommendOptions& options);

  /// `user` [width]: the state after the history.
  std::vector<ScoredItem> one(std::span<const float> user, History history) const;
  using Accepts = std::function<bool(std::int32_t)>;
  /// The same with k items in place of the options', and of those only that `accepts` lets pass.
  std::vector<ScoredItem> one(std::span<const float> user, History history, std::size_t k,
                              const Accepts& accepts) const;
  /// The first k items of the lists, one after the other, that the options let pass.
  std::vector<std::int32_t> first_of(std::initializer_list<History> lists) const;
  /// By all threads, `users` [histories, width]; the list of an empty history is empty.
  std::vector<std::vector<ScoredItem>> many(MatrixView<const float> users,
                                            std::span<const History> histories) const;

 private:
  /// What the index is to leave out for one history; `excluded` is memory behind it.
  SearchFilter filter_for(History history, std::vector<std::int32_t>& excluded) const;
  std::vector<ScoredItem> found(std::span<const float> user, std::size_t k,
                                const SearchFilter& filter) const;
  std::vector<ScoredItem> among_few(std::span<const float> user, std::size_t k,
                                    const SearchFilter& filter) const;

  const State& state_;
  const RecommendOptions& options_;
  std::optional<ItemSet> allowed_;
  std::optional<std::vector<std::int32_t>> few_;  // all that are allowed
};

}  // namespace tessera
