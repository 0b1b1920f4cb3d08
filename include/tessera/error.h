#pragma once
#include <stdexcept>

namespace tessera {

/// Something the user can act on: one line that names the file, line and field and says what to do.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The command, function or setting was used wrongly (the command line exits with 2 instead of 1).
struct UsageError : Error {
  using Error::Error;
};

}  // namespace tessera
