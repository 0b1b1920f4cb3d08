#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "tessera/token_statistics.h"

namespace tessera {

/// The object on one line of standard output; bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::json& json);

/// `text` as printable in base, cut to `width` characters (not bytes) with an ellipsis where
/// something was cut: item titles come from anywhere.
std::string printable(std::string_view text, std::size_t width);

/// What the catalogue costs, in words.
void print_account(const TokenAccount& account);
/// How well the codebooks are used, in words; `all`: each collaborative one too.
void print_codes(const TokenStatistics& statistics, bool all);
/// The same of one kind of codes, whose codebooks are called `codebook`.
void print_codes(const char* codebook, const CodeStatistics& statistics);
/// ID tokens in words; nothing where the model has none.
void print_ids(const IdStatistics& statistics);

}  // namespace tessera
