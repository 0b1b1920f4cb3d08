#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tessera {

/// What a BERT tokenizer does to a text before it looks for pieces, and its special tokens.
struct WordPieceOptions {
  bool lower_case = true;
  bool strip_accents = true;
  bool separate_han = true;  ///< each Han character is a word
  std::string unknown = "[UNK]", first = "[CLS]", last = "[SEP]";
  /// Tokens that are taken as such where a text holds them.
  std::vector<std::string> special = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
};

/// BERT's tokenizer (Devlin et al. 2019; Wu et al. 2016): words and punctuation, each cut greedily
/// into the longest pieces of a vocabulary.
class WordPiece {
 public:
  WordPiece() = default;
  /// The id of a piece is its place in the vocabulary; pieces within a word start with "##". Throws
  /// Error that names `source` if the vocabulary lacks the unknown, first or last token.
  WordPiece(std::vector<std::string> vocabulary, WordPieceOptions options,
            const std::string& source);

  /// first, the text's pieces, last: at most `max_tokens` (2 or more), the text's end cut off.
  /// Bytes that are not UTF-8, and characters that nobody sees, are left out.
  std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const;

  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  const WordPieceOptions& options() const { return options_; }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::int32_t id(std::string_view piece) const;  // -1 if unknown
  void add_words(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const;
  void add_pieces(std::string_view word, std::vector<std::int32_t>& ids) const;

  std::vector<std::string> vocabulary_;
  WordPieceOptions options_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
  std::size_t longest_piece_ = 0;  // bytes
  std::int32_t unknown_ = 0, first_ = 0, last_ = 0;
};

}  // namespace tessera
