#pragma once
#include "engine/state.h"

namespace tessera {

/// A search for the best items under the options of a call, for one history or many. What the
/// options allow is found once. Both must outlive it.
class Model::Search {
 public:
  Search(const State& state, const RecommendOptions& options);

  /// `user` [width]: the state after the history.
  std::vector<ScoredItem> one(std::span<const float> user, History history) const;
  using Accepts = std::function<bool(std::int32_t)>;
  /// The same with k items in place of the options', and of those only that `accepts` lets pass.
  std::vector<ScoredItem> one(std::span<const float> user, History history, std::size_t k,
                              const Accepts& accepts) const;
  /// Whether the options let the item pass, and it is known. Wants the state's lock to be held.
  bool passes(std::int32_t item) const;
  /// By all threads, `users` [histories, width]; the list of an empty history is empty.
  std::vector<std::vector<ScoredItem>> many(MatrixView<const float> users,
                                            std::span<const History> histories) const;

 private:
  /// What the index is to leave out for one history; `excluded` is memory behind it.
  SearchFilter filter_for(History history, std::vector<std::int32_t>& excluded) const;

  const State& state_;
  const RecommendOptions& options_;
  std::shared_ptr<const ItemSet> allowed_;  // null: all
};

}  // namespace tessera
