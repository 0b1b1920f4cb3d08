#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "tessera/error.h"

namespace tessera {

/// `text` as a terminal may show it on one line: control characters, line ends and marks that turn
/// the writing direction become blanks, bytes that are not UTF-8 the replacement character.
std::string printable(std::string_view text);

/// `printable`, its middle left out if it is too long to read: messages quote files, which hold
/// anything.
std::string message_line(std::string_view text);

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(message_line(fmt::format(format, std::forward<Args>(args)...)));
}

/// Throws UsageError with a formatted message.
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(message_line(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace tessera
