#pragma once
#include <string_view>

namespace tessera {

/// A file of src/serve/console/, built into the program.
struct ConsoleFile {
  std::string_view name, content_type, content;
};

/// Null if there is no such file. "index.html" always is.
const ConsoleFile* find_console_file(std::string_view name);

}  // namespace tessera
