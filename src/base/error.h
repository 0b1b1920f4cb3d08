#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace tessera {

/// Something the user can act on: one line that names the file, line and field and says what to do.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The command or setting was used wrongly (the command line exits with 2 instead of 1).
struct UsageError : Error {
  using Error::Error;
};

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws UsageError with a formatted message.
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tessera
