#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/items.h"

namespace tessera {

/// Where a list comes from for whoever has no history that the model could read.
enum class Source {
  trending,  ///< touched most of late; whoever takes events knows them
  popular,   ///< most events in training
  newest,    ///< put last, and then, of the bundle, by the first attribute of type time
};

/// "trending", "popular" or "newest".
std::string_view name_of(Source source);

/// What a list without a history is made of: the sources one after the other, each as far as it
/// goes, or an item of each in turn.
struct Fallback {
  std::vector<Source> order = {Source::trending, Source::popular};
  bool in_turns = false;
};

/// By how much an event counts less the older it is: half as much after so many seconds. Three days
/// are what users without a history like best of 1 to 365 (docs/filters.md).
inline constexpr double kTrendHalfLife = 3 * 24.0 * 60 * 60;

/// An item that was touched of late. All of its events together count as much as one at the time
/// `touched` (seconds since 1970) would, so that times of items order them now and later.
struct TrendingItem {
  std::int32_t item;
  double touched;
};

/// From names of sources; "mixed" alone is all of them in turn, and "none" alone no source at all.
/// Throws UsageError that names the word.
Fallback fallback_from_words(std::span<const std::string> words);

/// How a fall-back is blended into the lists of short histories. Items go by
///
///     (1 − share) / (60 + place in the model's list) + share / (60 + place in the fall-back's)
///
/// (reciprocal rank fusion, Cormack et al. 2009), places counted from 0 in the first kBlendDepth
/// items of either list under the same filters, and 0 where an item stands in one of them alone.
/// What stands in neither follows in the model's order.
struct Blend {
  double share = 0.5;      ///< of the fall-back, from 0 to 1
  std::size_t events = 2;  ///< of the longest history that it is for, from 1
  Fallback from = {.order = {Source::trending}};
  History trending = {};  ///< as of Model::fall_back; borrowed for the call

  bool is_for(History history) const { return history.size() <= events; }
};
inline constexpr std::size_t kBlendDepth = 100;

/// From a number, which is the share, or an object: {"share": 0.5, "events": 2, "from":
/// ["trending"]}. Throws UsageError that names the field.
Blend blend_from_json(std::string_view json);

/// An item by its number, and where it comes from.
struct SourcedItem {
  std::int32_t item;
  Source from;

  friend bool operator==(const SourcedItem&, const SourcedItem&) = default;
};

}  // namespace tessera
