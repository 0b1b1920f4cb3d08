#include "base/error.h"

#include <algorithm>

#include "base/utf8.h"

namespace tessera {
namespace {

bool disturbs_a_terminal(std::string_view character) {
  const auto within = [&](std::string_view first, std::string_view last) {
    return character.size() == first.size() && character >= first && character <= last;
  };
  using namespace std::string_view_literals;
  return within("\0"sv, "\x1F") || character == "\x7F" || within("\xC2\x80", "\xC2\x9F") ||
         within("\u2028", "\u202E") || within("\u2066", "\u2069");
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      result += "\uFFFD";
    } else {
      result += disturbs_a_terminal(character) ? " " : character;
    }
    text.remove_prefix(character.size());
  }
  return result;
}

std::string message_line(std::string_view text) {
  // The beginning names the file, the end says what to do.
  constexpr std::size_t kBegin = 700;
  constexpr std::size_t kEnd = 250;
  if (text.size() <= kBegin + kEnd) return printable(text);
  const auto inside_a_character = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  std::size_t begin = kBegin;
  while (begin > 0 && inside_a_character(begin)) --begin;
  std::size_t end = text.size() - kEnd;
  while (end < text.size() && inside_a_character(end)) ++end;
  return printable(text.substr(0, begin)) + " … " + printable(text.substr(end));
}

}  // namespace tessera
