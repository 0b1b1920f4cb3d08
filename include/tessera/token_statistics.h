#pragma once
#include <cstddef>
#include <vector>

namespace tessera {

/// How well the codes of one kind, semantic or collaborative, use their codebooks and tell items
/// apart. Shares are fractions.
struct CodeStatistics {
  std::vector<double> activation;     ///< per codebook: rows that at least one item uses
  std::vector<double> perplexity;     ///< per codebook: exp of the entropy of the codes
  double unique_share = 0;            ///< items whose tuple no other item has
  double distinct_share = 0;          ///< distinct tuples / items
  std::size_t largest_collision = 0;  ///< items that share the commonest tuple
};

/// ID tokens, one an item, which are vectors and no codes.
struct IdStatistics {
  std::size_t dims = 0;       ///< 0 for a model without
  double untaught_share = 0;  ///< items with the ID token of new ones: nothing trained theirs
  double mean_length = 0;     ///< of the others
};

/// What a catalogue costs: every learned float that is per item or sits in an item-token table, and
/// their bytes with the codes at ⌈log2 K⌉ bits. `reduction` is against a table of 64 dims.
struct TokenAccount {
  std::size_t catalogue_parameters = 0;
  std::size_t catalogue_bytes = 0;
  double reduction = 0;
};

/// A catalogue's tokens in figures, each kind by itself. What the model does not have is empty.
struct TokenStatistics {
  TokenAccount account;
  CodeStatistics semantic;       ///< a codebook a level
  CodeStatistics collaborative;  ///< a codebook a part
  IdStatistics id;
};

}  // namespace tessera
