#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenize/tokenizer.h"

namespace tessera {

/// What is known of tokens, to judge how well they do. What is not known is left out of the report.
struct TokensToJudge {
  const IntMatrix* codes = nullptr;              ///< [items, levels, and one more by `extra`]
  std::vector<std::size_t> sizes;                ///< codes that each level could have
  const VectorSource* vectors = nullptr;         ///< [items, dims]
  const SemanticTokenizer* tokenizer = nullptr;  ///< that made the codes
  std::span<const std::string> ids, titles;      ///< of items
  std::span<const std::string> labels;           ///< of items, such as a category; "": none
  std::string label;                             ///< what the labels are called
};

/// How well tokens do, as docs/tokenize.md explains: use of each level, collisions with titles,
/// error and neighbours kept by level, what codes tell of the labels, a map, and under "warnings"
/// what is wrong and what helps: [{"what", "why", "remedy"}].
nlohmann::json health_of(const TokensToJudge& tokens, std::uint64_t seed = 1,
                         const ProgressFunction& progress = {});

/// The report as one page that needs nothing else.
std::string health_page(const nlohmann::json& health, const std::string& name);

}  // namespace tessera
