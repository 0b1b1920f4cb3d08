#pragma once
#include "engine/search.h"

namespace tessera {

/// A search whose order is changed by the rules of its options, which must have some; see
/// tessera/rules.h. Everything must outlive it.
class Model::RuledSearch {
 public:
  RuledSearch(const State& state, const Search& search, const RecommendOptions& options);

  /// `user` [width]: the state after the history.
  std::vector<ScoredItem> one(std::span<const float> user, History history) const;
  RuleEffects effects(std::span<const float> user, History history, std::int32_t item) const;

 private:
  /// An item, and its score with the rules.
  struct Ruled {
    std::int32_t item;
    double value;
  };
  using Accepts = Search::Accepts;
  class Selection;

  /// The larger value first; of equal ones the smaller number.
  static bool before(const Ruled& a, const Ruled& b);
  ScoredItem scored(std::span<const float> user, std::int32_t item) const;
  template <class Visit>
  void for_each_part(const ScoredItem& scored, const Visit& visit) const;
  double value_of(const ScoredItem& scored) const;
  /// No item whose own score is at most this can have a larger value.
  double most_below(double score) const;
  /// The items of the `count` largest values, best first, among those that a predicate accepts.
  std::vector<Ruled> best(std::span<const float> user, History history, std::size_t count,
                          const Accepts& accepts) const;
  void fill(Selection& selection, std::span<const float> user, History history, std::size_t count,
            const Accepts& accepts) const;
  bool is_new(std::int32_t item) const;

  const State& state_;
  const Search& search_;
  const Rules& rules_;
  const std::size_t k_;
  std::vector<ItemSet> boosted_;  // by each boost
  std::optional<ItemSet> buried_;
};

}  // namespace tessera
