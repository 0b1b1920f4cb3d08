#include "data/html_entities.h"

#include <array>
#include <charconv>
#include <utility>

namespace tessera {
namespace {

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// The code point of the entity `name` (without & and ;), or 0.
unsigned code_point(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 6> kNamed = {
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}}};
  for (const auto& [known, code] : kNamed) {
    if (name == known) return code;
  }
  if (!name.starts_with('#')) return 0;
  name.remove_prefix(1);
  const bool hex = name.starts_with('x') || name.starts_with('X');
  if (hex) name.remove_prefix(1);
  unsigned code = 0;
  const auto end = std::from_chars(name.data(), name.data() + name.size(), code, hex ? 16 : 10);
  const bool whole = end.ec == std::errc() && end.ptr == name.data() + name.size();
  const bool scalar = code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
  return whole && scalar ? code : 0;
}

}  // namespace

std::string decode_html_entities(std::string_view text) {
  constexpr std::size_t kLongest = 10;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&') {
      const std::size_t end = text.substr(i, kLongest).find(';');
      const unsigned code =
          end == std::string_view::npos ? 0 : code_point(text.substr(i + 1, end - 1));
      if (code != 0) {
        append_utf8(out, code);
        i += end;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace tessera
