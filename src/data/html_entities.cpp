#include "data/html_entities.h"

#include <charconv>

#include <iterator>
#include "base/utf8.h"

namespace tessera {
namespace {

struct Entity {
  std::string_view name;
  unsigned code;
};
// The entities of markup, and of HTML 4 the punctuation that product texts use.
constexpr Entity kNamed[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},        {"quot", '"'},     {"apos", '\''},
    {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"ldquo", 0x201c},
    {"rdquo", 0x201d}, {"bull", 0x2022},  {"hellip", 0x2026}, {"euro", 0x20ac},  {"trade", 0x2122},
};
// HTML 4's names of the code points from 160 on, in order.
constexpr std::string_view kLatin1[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};
static_assert(std::size(kLatin1) == 96);

// The code point of the entity `name` (without & and ;), or 0.
unsigned code_point(std::string_view name) {
  for (const Entity& entity : kNamed) {
    if (name == entity.name) return entity.code;
  }
  for (unsigned i = 0; i < std::size(kLatin1); ++i) {
    if (name == kLatin1[i]) return 160 + i;
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
  constexpr unsigned kNoBreakSpace = 160;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&') {
      const std::size_t end = text.substr(i, kLongest).find(';');
      const unsigned code =
          end == std::string_view::npos ? 0 : code_point(text.substr(i + 1, end - 1));
      if (code != 0) {
        append_utf8(out, code == kNoBreakSpace ? ' ' : code);
        i += end;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace tessera
