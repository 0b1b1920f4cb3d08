#pragma once
#include "formats/records.h"

namespace tessera {

/// Dotted paths of the fields in the records of `text` that are whole, in order of appearance.
/// Objects are entered, lists are not. `python`: lines may also be Python literals.
std::vector<std::string> json_names(std::string_view text, bool python);

/// Rows of the wanted paths of JSON objects, one a line, to the end; a key that holds dots itself
/// is found, too. `python`: lines may also be Python literals (Amazon's metadata of 2014).
void read_json_lines(LineReader& lines, bool python, std::span<const std::string> wanted,
                     BadRecords& bad, const RowSink& sink);

}  // namespace tessera
