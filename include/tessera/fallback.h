#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

/// An item by its number, and where it comes from.
struct SourcedItem {
  std::int32_t item;
  Source from;

  friend bool operator==(const SourcedItem&, const SourcedItem&) = default;
};

}  // namespace tessera
