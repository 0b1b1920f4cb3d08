#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/filter.h"

namespace tessera {

/// What a shop puts before or beside the order of the model's scores. A score with its rules is
///
///     score + Σ boosts of the item − popularity_penalty · ln(1 + training events)
///
/// and a list holds the best of these. That is exact, as far down the model's own order as it
/// takes: boosts are bounded, so at some place nothing below can catch up. Where this is deeper
/// than kRulesDepth items the list is the best of the first kRulesDepth.
struct Rules {
  /// Items that pass the filter get `add`, in units of scores, and then score + (factor −
  /// 1)·|score|.
  struct Boost {
    Filter filter = {};
    double add = 0.0;
    double factor = 1.0;  ///< above 0, below 2
  };
  /// Newer items get more: add · 2^(−age / half_life), by an attribute of type time.
  struct Freshness {
    std::string attribute;
    double add = 0.0;
    double half_life = 30.0 * 24 * 3600;  ///< seconds
    double now = 0.0;                     ///< seconds since 1970; later times count as now
  };
  /// At most so many items with the same label of an attribute in a list.
  struct Cap {
    std::string attribute;
    std::size_t most = 1;
  };

  std::vector<Boost> boosts = {};
  std::vector<Freshness> freshness = {};
  double popularity_penalty = 0.0;
  std::vector<Cap> caps = {};
  std::optional<double> least_score = {};  ///< with its rules; items below it are left out
  std::vector<std::int32_t> pinned = {};   ///< stand first, in this order, whatever they score
  std::optional<Filter> buried = {};       ///< what passes comes after everything else
  /// Of 0 to 1: how much unlikeness counts beside the score when the list is put together of the
  /// first 10·k items (maximal marginal relevance, Carbonell and Goldstein 1998, by cosines of item
  /// vectors).
  double diversity = 0.0;
  /// At least this share of a list, of 0 to 1, is new: items put since the model was trained, as
  /// far as there are such.
  double new_share = 0.0;
};

/// How far down the model's own order rules are followed.
inline constexpr std::size_t kRulesDepth = 20'000;

/// From JSON, as the service takes it; times count from `now`, seconds since 1970. `number` gives
/// an item's number by its id, or nothing: such are not pinned. Throws UsageError that names the
/// field.
///
///     {"boosts": [{"filter": "brand = \"x\"", "add": 0.5}, {"filter": {"key": "sale", "match":
///     true}, "factor": 1.2}],
///      "freshness": [{"key": "published", "add": 1, "half_life_days": 30}], "popularity_penalty":
///      0.1, "caps": [{"key": "brand", "most": 2}], "least_score": 0, "pinned": ["17"], "buried":
///      "not in_stock", "diversity": 0.3, "new_share": 0.1}
Rules rules_from_json(std::string_view json, double now,
                      const std::function<std::optional<std::int32_t>(std::string_view)>& number);

}  // namespace tessera
