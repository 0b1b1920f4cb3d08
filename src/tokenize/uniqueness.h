#pragma once
#include "tokenize/tokenizer.h"

namespace tessera {

/// What becomes of items whose codes are all the same: they stay so; one more code tells them
/// apart, 0 for the first of a group; or all but the one whom the tuple fits best get the nearest
/// tuple that nobody has.
enum class Uniqueness : std::uint8_t { leave, extra, reassign };
struct UniquenessWord {
  std::string_view word;
  Uniqueness rule;
};
inline constexpr std::array kUniqueness = {UniquenessWord{"leave", Uniqueness::leave},
                                           UniquenessWord{"extra", Uniqueness::extra},
                                           UniquenessWord{"reassign", Uniqueness::reassign}};

/// What a rule did.
struct UniquenessReport {
  std::size_t moved = 0;        ///< items with another tuple than their nearest
  std::size_t extra_codes = 0;  ///< of the code that was added: the size of the largest group
  /// Mean squared error, where codes are found, of the moved items: of the nearest tuple, and of
  /// the one they got. 0 where none moved.
  double error_before = 0, error_after = 0;
};

/// Applies the rule to codes [n, levels] of vectors [n, dims], in the order of the rows. `kept` are
/// the tuples [m, levels, or one more by `extra`] of items that were there before, or none: theirs
/// stay, and `extra` numbers on, so that a tuple never changes because others come. Throws Error
/// where there are fewer tuples than items.
UniquenessReport make_unique(const SemanticTokenizer& tokenizer, const VectorSource& vectors,
                             Uniqueness rule, IntMatrix& codes, const IntMatrix& kept = {},
                             const ProgressFunction& progress = {});

}  // namespace tessera
