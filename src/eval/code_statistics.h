#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "model/settings.h"

namespace tessera {

/// How well the codes of a catalogue use their codebooks and tell items apart. Shares are
/// fractions.
struct CodeStatistics {
  std::vector<double> activation;     ///< per level: rows that at least one item uses
  std::vector<double> perplexity;     ///< per level: exp of the entropy of the codes
  double unique_share = 0;            ///< items whose tuple no other item has
  double distinct_share = 0;          ///< distinct tuples / items
  std::size_t largest_collision = 0;  ///< items that share the commonest tuple
};

/// Of codes [items × levels].
CodeStatistics code_statistics(std::span<const std::int32_t> codes, std::size_t levels,
                               std::size_t codebook_size);

/// What a catalogue costs: every learned float that is per item or sits in an item-token table, and
/// their bytes with the codes at ⌈log2 K⌉ bits. `reduction` is against a table of 64 dims.
struct TokenAccount {
  std::size_t catalogue_parameters = 0;
  std::size_t catalogue_bytes = 0;
  double reduction = 0;
};
TokenAccount token_account(const Settings& settings, std::size_t items);

/// The "tokens" object of `evaluate --json`.
nlohmann::json to_json(const CodeStatistics& statistics, const TokenAccount& account);

}  // namespace tessera
