#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "model/settings.h"
#include "tessera/token_statistics.h"

namespace tessera {

/// Of codes [items, codebooks].
CodeStatistics code_statistics(std::span<const std::int32_t> codes, std::size_t codebooks,
                               std::size_t codebook_size);

/// Of ID tokens [items, dims], row by row, where items that nothing trained have `untaught` [dims].
IdStatistics id_statistics(std::span<const float> tokens, std::span<const float> untaught);

TokenAccount token_account(const Settings& settings, std::size_t items);

/// Of a model's codes [items, settings.codes()], semantic ones first; its ID tokens are left to
/// id_statistics.
TokenStatistics token_statistics(const Settings& settings, std::span<const std::int32_t> codes,
                                 std::size_t items);

/// The "tokens" object of `evaluate --json`: the account, the semantic codes, and under
/// "collaborative" and "id" the other tokens where there are any.
nlohmann::json to_json(const TokenStatistics& statistics);
nlohmann::json to_json(const CodeStatistics& statistics);
nlohmann::json to_json(const IdStatistics& statistics);

}  // namespace tessera
