#include "formats/python_literal.h"

#include <charconv>
#include <cstdint>

#include "base/utf8.h"

namespace tessera {
namespace {

void append_escaped(std::uint32_t code, std::string& json) {
  if (code == '"' || code == '\\') {
    json += '\\';
    json += static_cast<char>(code);
  } else if (code < 0x20) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    json += "\\u00";
    json += kDigits[code >> 4];
    json += kDigits[code & 15];
  } else {
    append_utf8(json, code);
  }
}

// The code of `digits` hex digits at `at`, which moves behind them.
bool read_hex(std::string_view text, std::size_t digits, std::size_t& at, std::uint32_t& code) {
  if (text.size() - at < digits) return false;
  const char* begin = text.data() + at;
  const auto end = std::from_chars(begin, begin + digits, code, 16);
  at += digits;
  return end.ec == std::errc() && end.ptr == begin + digits;
}

// The escape after a backslash; `at` is behind the backslash and moves behind the escape.
bool convert_escape(std::string_view text, std::size_t& at, std::string& json) {
  if (at >= text.size()) return false;
  const char kind = text[at++];
  std::uint32_t code = 0;
  switch (kind) {
    case 'n':
      append_escaped('\n', json);
      return true;
    case 't':
      append_escaped('\t', json);
      return true;
    case 'r':
      append_escaped('\r', json);
      return true;
    case '\'':
    case '"':
    case '\\':
      append_escaped(static_cast<unsigned char>(kind), json);
      return true;
    case 'x':
      if (!read_hex(text, 2, at, code)) return false;
      append_escaped(code, json);
      return true;
    case 'u':
      if (!read_hex(text, 4, at, code)) return false;
      // Halves of a pair follow each other as they would in JSON.
      json.append("\\u").append(text.substr(at - 4, 4));
      return true;
    case 'U':
      if (!read_hex(text, 8, at, code) || code > 0x10FFFF || (code >> 11) == 0x1B) return false;
      append_escaped(code, json);
      return true;
    default:  // no escape: both characters stand for themselves
      json += "\\\\";
      append_escaped(static_cast<unsigned char>(kind), json);
      return (static_cast<unsigned char>(kind) & 0x80U) == 0;
  }
}

// The string that begins with a quote at `at`, which moves behind it.
bool convert_string(std::string_view text, std::size_t& at, std::string& json) {
  const char quote = text[at++];
  json += '"';
  while (at < text.size()) {
    const char c = text[at++];
    if (c == quote) {
      json += '"';
      return true;
    }
    if (c == '\\') {
      if (!convert_escape(text, at, json)) return false;
    } else if (c == '"' || static_cast<unsigned char>(c) < 0x20) {
      append_escaped(static_cast<unsigned char>(c), json);
    } else {
      json += c;
    }
  }
  return false;
}

bool is_name_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

bool python_to_json(std::string_view literal, std::string& json) {
  json.clear();
  for (std::size_t at = 0; at < literal.size();) {
    const char c = literal[at];
    const bool prefix = (c == 'u' || c == 'b') && at + 1 < literal.size() &&
                        (literal[at + 1] == '\'' || literal[at + 1] == '"');
    if (prefix) ++at;
    if (c == '\'' || c == '"' || prefix) {
      if (!convert_string(literal, at, json)) return false;
    } else if (c == '(' || c == ')') {
      json += c == '(' ? '[' : ']';
      ++at;
    } else if (is_name_part(c) && (c < '0' || c > '9')) {
      std::size_t end = at;
      while (end < literal.size() && is_name_part(literal[end])) ++end;
      const std::string_view name = literal.substr(at, end - at);
      const bool exponent = name.starts_with('e') || name.starts_with('E');
      const bool no_number = name == "nan" || name == "inf" || name == "NaN" || name == "Infinity";
      if (name == "None" || no_number) {
        if (no_number && json.ends_with('-')) json.pop_back();
        json += "null";
      } else if (name == "True" || name == "False") {
        json += name == "True" ? "true" : "false";
      } else if (name == "true" || name == "false" || name == "null") {
        json += name;  // of JSON that is none for another reason
      } else if (exponent) {
        json += name;  // of a number; JSON's parser knows whether it may stand there
      } else {
        return false;
      }
      at = end;
    } else if (c == ',' && literal.find_first_not_of(' ', at + 1) != std::string_view::npos &&
               std::string_view(")]}").find(literal[literal.find_first_not_of(' ', at + 1)]) !=
                   std::string_view::npos) {
      ++at;  // a comma before the end, as of a tuple of one
    } else {
      json += c;
      ++at;
    }
  }
  return true;
}

}  // namespace tessera
