#include "text/wordpiece.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace tessera {
namespace {

using Code = utf8proc_int32_t;

constexpr std::size_t kLongestWord = 100;  // characters; longer words are unknown

bool is_space(Code code) {
  if (code == '\t' || code == '\n' || code == '\r') return true;
  const utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

// Codes without a meaning yet are seen: newer emoji are among them.
bool is_unseen(Code code) {
  const utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO || code == 0xfffd;
}

bool is_punctuation(Code code) {
  if (code < 0x80) return code > ' ' && code < 0x7f && std::isalnum(code) == 0;
  const utf8proc_category_t category = utf8proc_category(code);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

// The blocks of Hugging Face's tokenizers, one of which starts late, at 2b920.
bool is_han(Code code) {
  constexpr std::array<std::pair<Code, Code>, 8> kBlocks = {{{0x4e00, 0x9fff},
                                                             {0x3400, 0x4dbf},
                                                             {0x20000, 0x2a6df},
                                                             {0x2a700, 0x2b73f},
                                                             {0x2b740, 0x2b81f},
                                                             {0x2b920, 0x2ceaf},
                                                             {0xf900, 0xfaff},
                                                             {0x2f800, 0x2fa1f}}};
  return std::ranges::any_of(
      kBlocks, [&](const auto& block) { return code >= block.first && code <= block.second; });
}

/// The characters of a text as the vocabulary knows them, spaces between the words.
std::vector<Code> normalise(std::string_view text, const WordPieceOptions& options) {
  std::vector<Code> codes;
  codes.reserve(text.size());
  const auto add_part = [&](Code code) {
    if (options.strip_accents && utf8proc_category(code) == UTF8PROC_CATEGORY_MN) return;
    // The one character whose small form is two.
    if (options.lower_case && code == 0x130) {
      codes.insert(codes.end(), {'i', 0x307});
    } else {
      codes.push_back(options.lower_case ? utf8proc_tolower(code) : code);
    }
  };
  const auto add = [&](Code code) {
    if (!options.strip_accents) return add_part(code);
    // Canonical decomposition; the order of the marks does not matter as they go.
    std::array<Code, 8> parts{};
    int last_class = 0;
    const auto count =
        utf8proc_decompose_char(code, parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &last_class);
    for (utf8proc_ssize_t p = 0; p < count; ++p) add_part(parts[static_cast<std::size_t>(p)]);
  };
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    Code code = 0;
    const auto length =
        utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    i += static_cast<std::size_t>(std::max<utf8proc_ssize_t>(length, 1));
    if (length <= 0) continue;
    if (is_space(code)) {
      codes.push_back(' ');
    } else if (is_unseen(code)) {
      continue;
    } else if (options.separate_han && is_han(code)) {
      codes.push_back(' ');
      add(code);
      codes.push_back(' ');
    } else {
      add(code);
    }
  }
  return codes;
}

void append(Code code, std::string& word) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto length = utf8proc_encode_char(code, bytes.data());
  word.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(length));
}

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

WordPiece::WordPiece(std::vector<std::string> vocabulary, WordPieceOptions options,
                     const std::string& source)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    ids_.insert_or_assign(vocabulary_[i], static_cast<std::int32_t>(i));
    longest_piece_ = std::max(longest_piece_, vocabulary_[i].size());
  }
  const auto needed = [&](const std::string& token) {
    const std::int32_t number = id(token);
    if (number < 0) fail("{}: the vocabulary lacks the token '{}'", source, token);
    return number;
  };
  unknown_ = needed(options_.unknown);
  first_ = needed(options_.first);
  last_ = needed(options_.last);
  std::erase_if(options_.special,
                [&](const std::string& token) { return token.empty() || id(token) < 0; });
}

std::int32_t WordPiece::id(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? -1 : found->second;
}

std::vector<std::int32_t> WordPiece::encode(std::string_view text, std::size_t max_tokens) const {
  const std::size_t limit = std::max<std::size_t>(max_tokens, 2) - 1;  // without the last
  std::vector<std::int32_t> ids = {first_};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size() && ids.size() < limit;) {
    const std::string_view rest = text.substr(i);
    const auto special = std::ranges::find_if(
        options_.special, [&](const std::string& token) { return rest.starts_with(token); });
    if (special == options_.special.end()) {
      ++i;
      continue;
    }
    add_words(text.substr(begin, i - begin), limit, ids);
    ids.push_back(id(*special));
    begin = i += special->size();
  }
  add_words(text.substr(begin), limit, ids);
  ids.resize(std::min(ids.size(), limit));
  ids.push_back(last_);
  return ids;
}

void WordPiece::add_words(std::string_view text, std::size_t limit,
                          std::vector<std::int32_t>& ids) const {
  std::string word;
  const auto close_word = [&] {
    if (!word.empty()) add_pieces(word, ids);
    word.clear();
  };
  for (const Code code : normalise(text, options_)) {
    if (ids.size() >= limit) return;
    if (code == ' ') {
      close_word();
    } else if (is_punctuation(code)) {
      close_word();
      append(code, word);
      close_word();
    } else {
      append(code, word);
    }
  }
  close_word();
}

void WordPiece::add_pieces(std::string_view word, std::vector<std::int32_t>& ids) const {
  const auto before = ids.size();
  if (std::ranges::count_if(word, starts_character) > static_cast<long>(kLongestWord)) {
    ids.push_back(unknown_);
    return;
  }
  std::string piece(word);  // the rest of the word, "##" before it unless it is the whole
  while (!piece.empty()) {
    std::size_t end = std::min(piece.size(), longest_piece_);
    const std::size_t mark = ids.size() == before ? 0 : 2;
    std::int32_t found = -1;
    for (; end > mark; --end) {
      if (end < piece.size() && !starts_character(piece[end])) continue;
      found = id(std::string_view(piece).substr(0, end));
      if (found >= 0) break;
    }
    if (found < 0) {  // one part unknown, the word is unknown
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(found);
    piece = end < piece.size() ? "##" + piece.substr(end) : "";
  }
}

}  // namespace tessera
