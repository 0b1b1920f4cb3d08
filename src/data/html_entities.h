#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// The text with its HTML entities (amp, lt, gt, quot, apos, nbsp and numeric ones) as UTF-8; what
/// is no such entity stays as it is.
std::string decode_html_entities(std::string_view text);

}  // namespace tessera
