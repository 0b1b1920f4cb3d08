#pragma once
#include <optional>
#include <string>

#include "base/files.h"
#include "formats/records.h"

namespace tessera {

/// A file as it is to be read, with its format where that was named: "sequences" or one of
/// format_names().
struct InputFile {
  fs::path path;
  std::string format;  ///< empty: that of the other files
};

/// What was given as files, as files: a folder stands for the files in it whose names do not begin
/// with a dot, by name; a pattern with * ? [ ] for those it matches, by name; FORMAT: before either
/// names its format. What is there by its literal name is that. Throws Error for a folder or a
/// pattern without files, and for a file that comes twice.
std::vector<InputFile> input_files(std::span<const fs::path> given, const char* option);

}  // namespace tessera
