#pragma once
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

/// The number that `text` is from end to end, without blanks or a plus sign; none if it is anything
/// else, or beyond what a Number holds.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// 12101 → "12,101".
std::string grouped(std::size_t number);

}  // namespace tessera
