#pragma once
#include <algorithm>
#include <string_view>
#include <vector>

namespace tessera {

/// The fields of a line, separated by blanks or tabs; views into `line`.
inline void split_fields(std::string_view line, std::vector<std::string_view>& fields) {
  constexpr std::string_view kBlank = " \t";
  fields.clear();
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
}

}  // namespace tessera
