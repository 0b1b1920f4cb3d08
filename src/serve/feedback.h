#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/item_set.h"
#include "store/store.h"

namespace tessera {

/// The range in which a share lies of which `successes` of `trials` are seen, by Wilson's score
/// interval at 95 % (Wilson 1927), which holds for few trials and shares near 0 as well. Of no
/// trials it is 0 to 1.
struct ShareInterval {
  double low = 0.0, high = 1.0;
};
ShareInterval wilson_interval(std::uint64_t successes, std::uint64_t trials);

/// How often something took how long, in steps of a quarter, from 20 µs on.
class LatencyCounts {
 public:
  void add(double seconds);
  /// Of this share of them none took longer, to the step; 0 of none.
  double quantile(double share) const;
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, 64> steps_{};
  std::uint64_t count_ = 0;
  double sum_ = 0.0;
};

/// What each variant answered, and what became of it: requests and lists since the process started,
/// and of lists that were shown whether an event followed. Lists are remembered by the ids of their
/// requests, the latest `kRemembered`. A list is clicked if an event names its request and an item
/// that was shown; it converts if the event is of a kind that counts so. Every function may be
/// called from several threads at once.
class Feedback {
 public:
  static constexpr std::size_t kRemembered = 100'000;
  static constexpr std::size_t kMostItems =
      100;  ///< that are remembered of a list, shown or chosen

  /// `variants`: their names; `conversions`: kinds of events that count as such.
  Feedback(std::vector<std::string> variants, std::vector<std::string> conversions);

  void note_request(std::size_t variant, double seconds);
  /// A list that was answered.
  struct List {
    std::size_t variant = 0;
    std::string_view request = {};  ///< "": it is not to be remembered
    std::string_view from;          ///< "model" or a source
    std::span<const std::int32_t> items = {};
    std::size_t known = 0;       ///< items from here on were put since training
    std::size_t generation = 0;  ///< of the model, whose item numbers are its own
  };
  void note_list(const List& list);
  /// A stored event that the variant's model ranked against the history before it.
  void note_watched(std::size_t variant, bool hit);

  /// The variant that answered the request; nothing if it is not remembered.
  std::optional<std::string> variant_of(std::string_view request) const;
  /// What became of a list, as it is stored. What is told twice counts once.
  void take(const StoredFeedback& feedback);

  /// What is counted of a variant.
  struct Counts {
    LatencyCounts latency;
    std::uint64_t lists = 0, empty = 0, fallbacks = 0;
    std::uint64_t places = 0,
                  new_places = 0;  ///< of lists; those of items that training did not know
    std::uint64_t distinct = 0;    ///< items in lists since the model came into use
    std::uint64_t shown = 0, clicked = 0, converted = 0;  ///< lists
    std::uint64_t watched = 0, hits = 0;  ///< stored events that were ranked; among the ten best
  };
  Counts counts(std::size_t variant) const;
  /// All of it in the text format of Prometheus.
  std::string text() const;

 private:
  /// A list, by its request. Items go by hashes.
  struct Remembered {
    std::size_t variant = 0;
    bool was_shown = false, clicked = false, converted = false;
    std::vector<std::uint64_t> shown = {}, chosen = {}, bought = {};
  };
  struct Variant {
    mutable std::mutex mutex;  // guards what follows
    Counts counts;
    std::size_t generation = 0;
    ItemSet seen;
  };

  Remembered& remember(std::string_view request, std::size_t variant);
  void count_outcome(Remembered& list);

  const std::vector<std::string> names_, conversions_;
  std::vector<Variant> variants_;   // as many as names, from the beginning
  mutable std::mutex lists_mutex_;  // guards what follows; taken before a variant's
  std::unordered_map<std::string, Remembered> lists_;
  std::deque<std::string> order_;  // of lists_, oldest first
};

}  // namespace tessera
