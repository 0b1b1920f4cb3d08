#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "eval/code_statistics.h"

namespace tessera {

/// The object on one line of standard output; bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::json& json);

/// `text` as printable in base, cut to `width` characters (not bytes) with an ellipsis where
/// something was cut: item titles come from anywhere.
std::string printable(std::string_view text, std::size_t width);

/// The size account and codebook health, in words.
void print_tokens(const CodeStatistics& statistics, const TokenAccount& account);

}  // namespace tessera
