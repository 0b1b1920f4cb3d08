#pragma once
#include <optional>

#include "base/npy.h"
#include "eval/protocol.h"

namespace tessera {

/// Lists of somebody's system for users of a dataset, as they were given: best first, by the
/// dataset's numbers.
struct Predictions {
  std::string name;
  /// [users] By user of the dataset; empty where there is none.
  std::vector<std::vector<std::int32_t>> lists;
  std::vector<std::vector<float>> scores;  ///< beside the items; or empty
  std::vector<char> listed;  ///< [users] whether there was a list, an empty one as well
  /// Of a score matrix [evaluated users, items] in their place: what reads it. Else none.
  std::optional<Scorer> scorer;

  // What was met while reading.
  std::size_t unknown_users = 0, unknown_items = 0, repeated_items = 0, entries = 0;
  std::string unknown_user, unknown_item;  ///< the first of them
  /// Items that would be known if their ids were one more, or one less.
  std::size_t known_above = 0, known_below = 0;
};

/// Reads lists or scores. Throws Error that names the file and line.
/// .jsonl: {"user": id, "items": [ids, or {"id", "score"}], "scores": […] (optional)} a line, as
/// recommend --json prints them. .csv, .tsv: columns user and item and, optional, score or rank;
/// rows of a user in any order with one of them, best first without. .npy: whole numbers [evaluated
/// users, k] of items by their number (-1 behind the end of a list), or scores [evaluated users,
/// items]; rows as Dataset.targets has the users, columns as items.jsonl the items.
Predictions read_predictions(const fs::path& file, const Dataset& data, Split split);

/// The same of rows in memory, called `name`: a user, an item, and a score where there are any.
Predictions predictions_of(const std::string& name, const Dataset& data,
                           std::span<const std::string> users, std::span<const std::string> items,
                           std::span<const float> scores);
/// Of lists [evaluated users, k] of item numbers.
Predictions predictions_of(const std::string& name, const Dataset& data, Split split,
                           const IntMatrix& lists);
/// Of scores [evaluated users, items].
Predictions predictions_of(const std::string& name, const Dataset& data, Split split,
                           Matrix scores);

/// The place of the target of each evaluated user in its list, once the items of the history are
/// taken out by the rule: items before it score better, items of the same score are tied. A target
/// that is not in the list, which may be further down, is missed. The best items go to `lists`.
std::vector<TargetPlace> rank_lists(const Dataset& data, Split split,
                                    const Predictions& predictions, TopLists* lists,
                                    Repeats repeats);

}  // namespace tessera
