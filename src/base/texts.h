#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// `text` without the characters of `blanks` at its ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

/// Whether two texts are the same but for the case of ASCII letters.
bool same_words(std::string_view a, std::string_view b);

/// The parts of `text` between separators (not empty), in order and as they stand; of a text
/// without one, such as "", the text itself.
std::vector<std::string_view> split(std::string_view text, std::string_view separator);

/// The other way round: texts, of any kind, with `between` between them.
template <class Texts>
std::string joined(const Texts& texts, std::string_view between) {
  std::string line;
  bool first = true;
  for (const std::string_view text : texts) {
    if (!first) line += between;
    line += text;
    first = false;
  }
  return line;
}

}  // namespace tessera
