#pragma once
#include "data/dataset.h"

namespace tessera {

/// `interactions`: one user a line, `user item item …` in time order, item ids whole numbers
/// from 1. `item_text`: one JSON object id → text, HTML entities allowed; `timestamps`: the same
/// lines and positions with unix seconds, -1 unknown. The last two may be empty paths.
struct SequenceFiles {
  fs::path interactions, item_text, timestamps;
};

/// What `prepare_sequences` met besides users, items and events.
struct PrepareReport {
  std::size_t items_without_text = 0;
  std::size_t items_without_events = 0;  ///< cold: in the catalogue by their text alone
  std::size_t unknown_times = 0;
  std::size_t users_out_of_order = 0;  ///< whose known times decrease somewhere; kept in file order
};

/// The catalogue is every id in item_text, and those in interactions up to the largest of these;
/// without item_text, the ids met. Where most texts hold a ';' a title is the part before the first
/// one, otherwise the whole text. Item numbers are a
/// permutation drawn by `seed`. Throws Error with file and line.
Dataset prepare_sequences(const SequenceFiles& files, std::uint64_t seed, PrepareReport& report);

}  // namespace tessera
