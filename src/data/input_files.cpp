#include "data/input_files.h"

#include <glob.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace tessera {
namespace {

bool is_format(std::string_view word) {
  return word == "sequences" || std::ranges::count(format_names(), word) > 0;
}

// "jsonl:log/*.gz", unless a file is called so.
InputFile split_format(const fs::path& given) {
  const std::string text = given.string();
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || fs::exists(given) || !is_format(text.substr(0, colon))) {
    return {given, ""};
  }
  return {text.substr(colon + 1), text.substr(0, colon)};
}

std::vector<fs::path> files_in(const fs::path& folder, const char* option) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool hidden = entry.path().filename().string().starts_with('.');
    if (!hidden && entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty()) fail("{} {}: the folder holds no file", option, folder.string());
  return files;
}

std::vector<fs::path> files_like(const fs::path& pattern, const char* option) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<fs::path> files;
  for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i) {
    if (fs::is_regular_file(found.gl_pathv[i])) files.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  std::ranges::sort(files);
  if (files.empty()) fail("{} {}: matches no file", option, pattern.string());
  return files;
}

}  // namespace

std::vector<InputFile> input_files(std::span<const fs::path> given, const char* option) {
  std::vector<InputFile> files;
  std::set<fs::path> met;
  const auto add = [&](const fs::path& path, const std::string& format) {
    std::error_code unknown;
    const fs::path place = fs::weakly_canonical(path, unknown);
    if (!unknown && fs::is_regular_file(path, unknown) && !met.insert(place).second) {
      fail("{} {}: the file comes twice: its events would count double", option, path.string());
    }
    files.push_back({path, format});
  };
  for (const fs::path& one : given) {
    const InputFile file = split_format(one);
    const bool pattern = file.path.string().find_first_of("*?[") != std::string::npos;
    if (fs::is_directory(file.path)) {
      for (const fs::path& inside : files_in(file.path, option)) add(inside, file.format);
    } else if (pattern && !fs::exists(file.path)) {
      for (const fs::path& match : files_like(file.path, option)) add(match, file.format);
    } else {
      add(file.path, file.format);
    }
  }
  return files;
}

}  // namespace tessera
