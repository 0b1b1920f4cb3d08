#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// The words of a text in Unicode's NFKC_Casefold form (which leaves out soft hyphens and other
/// characters nobody sees): runs of letters, marks and digits; in scripts written without spaces
/// (Han, kana) each character is a word. Bytes that are not UTF-8 separate words.
std::vector<std::string> split_words(std::string_view text);

}  // namespace tessera
