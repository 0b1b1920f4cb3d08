#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "model/bundle.h"

namespace tessera {

/// How the codes of one level (or of one collaborative part) moved between two models.
struct LevelChange {
  std::size_t kept_as_named = 0;  ///< items of both whose code is the same number
  std::size_t kept = 0;           ///< … whose code is the one that the earlier one's best matches
  std::size_t renamed = 0;        ///< codes in use that the best matching gives another number
};

struct MovedItem {
  std::string id, title;
  std::vector<std::int32_t> before, after;  ///< codes, the earlier ones by their later names
  std::size_t codes_changed = 0;
  /// Between the two in the later model's space, in shares of the later vector's length.
  double distance = 0.0;
};

struct AddedItem {
  std::string id, title;
  std::vector<std::int32_t> codes;
  std::size_t shared = 0;  ///< items of both that have all of its semantic codes
};

/// What became of items' codes from an earlier model to a later one.
struct CodeComparison {
  std::size_t common = 0;           ///< items of both
  std::size_t semantic_levels = 0;  ///< the first ones; the others are collaborative
  std::vector<LevelChange> levels;
  std::size_t kept_all = 0;       ///< items whose codes all stayed, after the best matching
  std::size_t kept_semantic = 0;  ///< … whose semantic codes did
  std::vector<MovedItem> moved;   ///< furthest first
  std::vector<AddedItem> added;   ///< of the later model alone, by its numbers
  std::vector<std::string> gone;  ///< ids of the earlier model alone
};

/// Compares the codes of the items that both have, by id. A later training may call a code by
/// another number: at each level the names are matched so that as many items as possible keep their
/// code (an assignment of most weight, Kuhn 1955; of more than 2,048 codes greedily). Throws Error
/// if a bundle has no codes, or the two not as many.
CodeComparison compare_codes(const Bundle& earlier, const Bundle& later);

/// The first `most` items of each list.
nlohmann::json to_json(const CodeComparison& comparison, std::size_t most);

/// The later name of each of `codes` earlier codes, by which as many of the `items` as possible
/// keep theirs; pair(i) is an item's earlier and later code. Of more than 2,048 codes greedily.
std::vector<std::int32_t> match_codes(
    std::size_t items, std::size_t codes,
    const std::function<std::pair<std::int32_t, std::int32_t>(std::size_t item)>& pair);

/// The assignment of rows to columns, each once, of the largest sum; weights [n, n].
std::vector<std::int32_t> best_assignment(MatrixView<const float> weights);

}  // namespace tessera
