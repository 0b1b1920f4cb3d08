#pragma once
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

}  // namespace tessera
