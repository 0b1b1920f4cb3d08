#pragma once
#include "tokenize/health.h"
#include "tokenize/named_vectors.h"
#include "tokenize/uniqueness.h"

namespace tessera {

/// Items with their semantic IDs, and what made them: a folder with tokens.json, items.jsonl (a
/// line an item: id, title, codes), codes.npy (int32 [items, codes]), tokenizer.safetensors,
/// health.json and health.html.
struct Tokenization {
  std::shared_ptr<const SemanticTokenizer> tokenizer;
  Uniqueness unique = Uniqueness::leave;
  std::vector<std::string> ids, titles;  ///< titles: of each, or empty
  IntMatrix codes;                       ///< [items, levels, and one more by `extra`]

  std::string_view rule() const { return kUniqueness[static_cast<std::size_t>(unique)].word; }
  /// How many codes each column could hold.
  std::vector<std::size_t> sizes() const;
};

/// Throws Error if the folder holds anything else, or while another process writes it.
void write_tokenization(const fs::path& folder, const Tokenization& tokens,
                        const nlohmann::json& health);
/// Throws Error that names the file if one is missing or damaged.
Tokenization read_tokenization(const fs::path& folder);

/// What is to be tokenized, and how.
struct TokenizeRequest {
  NamedVectors items;
  std::vector<std::string> labels;  ///< of the items, for the report; or empty
  std::string label;                ///< what they are called
  TokenizerOptions options;
  Uniqueness unique = Uniqueness::leave;
  /// An earlier result, whose items keep their codes: the others are encoded by its tokenizer, and
  /// options and rule are its own.
  const Tokenization* earlier = nullptr;
  /// What shows how far a stage of the work is; may be empty.
  std::function<ProgressFunction(const char* stage)> progress = {};
};

struct TokenizeResult {
  Tokenization tokens;
  nlohmann::json health;
  /// {"items", "new_items", "quantizer", "sizes", "unique", "moved", "error_of_moved", "seconds"}
  nlohmann::json summary;
};

TokenizeResult tokenize(TokenizeRequest request);

/// What became of the items of both, by id: {"items", "kept", "levels": [kept of each],
/// "new_items", "gone_items"}, with the names of codes matched first, level by level, as many items
/// as possible keeping theirs. Throws Error for another number of codes.
nlohmann::json compare(const Tokenization& earlier, const Tokenization& later);

}  // namespace tessera
