#pragma once
#include <unordered_map>

#include "engine/search.h"

namespace tessera {

/// A search whose order is changed by what its options say: rules (tessera/rules.h), and a
/// fall-back that short histories' lists are blended with (tessera/fallback.h). Everything must
/// outlive it.
class Model::RuledSearch {
 public:
  RuledSearch(const State& state, const Search& search, const RecommendOptions& options);

  /// Whether the options say anything about the order of the list after this history.
  static bool is_for(History history, const RecommendOptions& options);

  /// `user` [width]: the state after the history.
  std::vector<ScoredItem> one(std::span<const float> user, History history) const;
  RuleEffects effects(std::span<const float> user, History history, std::int32_t item) const;

 private:
  /// An item, its score with the rules, and its worth in a blend, or 0.
  struct Ruled {
    std::int32_t item;
    double value;
    double blended = 0.0;
  };
  /// Whose list it is. `blended`: of a blend the worth of what stands in either list.
  struct Asked {
    std::span<const float> user;  ///< [width]
    History history;
    std::unordered_map<std::int32_t, double> blended = {};
  };
  using Accepts = Search::Accepts;
  class Selection;

  /// The larger worth first, then the larger value; of equal ones the smaller number.
  static bool before(const Ruled& a, const Ruled& b);
  ScoredItem scored(std::span<const float> user, std::int32_t item) const;
  template <class Visit>
  void for_each_part(const ScoredItem& scored, const Visit& visit) const;
  double value_of(const ScoredItem& scored) const;
  /// No item whose own score is at most this can have a larger value.
  double most_below(double score) const;
  /// The items of the `count` largest values, best first, among those that a predicate accepts.
  std::vector<Ruled> best(const Asked& asked, std::size_t count, const Accepts& accepts) const;
  /// The same of a blend, if the list is one.
  std::vector<Ruled> first(const Asked& asked, std::size_t count, const Accepts& accepts) const;
  /// What items are worth in the blend of those that are accepted.
  std::unordered_map<std::int32_t, double> blended(const Asked& asked,
                                                   const Accepts& accepts) const;
  void fill(Selection& selection, const Asked& asked, std::size_t count,
            const Accepts& accepts) const;
  bool is_buried(std::int32_t item) const { return buried_ && buried_->contains(item); }
  bool is_new(std::int32_t item) const;

  const State& state_;
  const Search& search_;
  const RecommendOptions& options_;
  const Rules& rules_;
  std::vector<ItemSet> boosted_;  // by each boost
  std::optional<ItemSet> buried_;
  std::vector<SourcedItem> fallen_back_;  // what may be blended in
};

}  // namespace tessera
