#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// The text with its HTML entities (numeric ones, those of markup and Latin-1, common punctuation)
/// as UTF-8, no-break spaces as plain ones; what is no such entity stays as it is.
std::string decode_html_entities(std::string_view text);

}  // namespace tessera
