#pragma once
#include <string>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// A setting that is searched: some values of it, or a range.
struct SearchedSetting {
  std::string key;
  std::vector<std::string> values = {};  ///< empty: a range
  double low = 0, high = 0;
  bool whole = false;  ///< of a range: whole numbers alone
};

/// From `key=v1,v2,…` or `key=low..high`. Throws UsageError for what is neither, for values that
/// the setting does not take, and for settings that no search can choose: what is measured by
/// (select, selection_protocol), how long (epochs), and chance (seed).
std::vector<SearchedSetting> parse_search(const std::vector<std::string>& words,
                                          const Settings& start);

/// What is searched where nobody says: what differs most from log to log.
std::vector<std::string> usual_search(const Settings& start);

/// What a trial changes, each `key=value`.
using Changes = std::vector<std::string>;

/// At most `count` trials. The first changes nothing, the others are drawn by start.seed: values
/// alike likely, ranges evenly, by their logarithm where they span a factor of ten (Bergstra and
/// Bengio 2012). A draw that comes out as one before, or whose settings do not go together, is
/// drawn again; where a hundred draws in a row do, the space is exhausted. More trials begin with
/// the same ones.
std::vector<Changes> draw_trials(const Settings& start, const std::vector<SearchedSetting>& space,
                                 std::size_t count);

}  // namespace tessera
