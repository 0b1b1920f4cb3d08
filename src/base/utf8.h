#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

/// Bytes of the UTF-8 character that begins `text` (not empty); 0 if none does (Unicode 15, table
/// 3-7: no surrogates, nothing longer than it must be).
std::size_t utf8_length(std::string_view text);
/// Whether `text` is UTF-8 from end to end.
bool is_utf8(std::string_view text);
/// Appends a code point up to 0x10FFFF.
void append_utf8(std::string& out, std::uint32_t code);

}  // namespace tessera
