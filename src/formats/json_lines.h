#pragma once
#include "formats/records.h"

namespace tessera {

/// JSON objects one after the other: one a line, or over several lines, with or without commas and
/// the brackets of a list around them. Objects may also be Python literals, such as Amazon's
/// metadata of 2014; NaN and Infinity are null.

/// Dotted paths of the fields in the records of `text` that are whole, in order of appearance.
/// Objects are entered, lists are not.
std::vector<std::string> json_names(std::string_view text);

/// Rows of the wanted paths of the objects, to the end; a key that holds dots itself is found, too.
void read_json(LineReader& lines, std::span<const std::string> wanted, BadRecords& bad,
               const RowSink& sink);

/// These: see OpenFormat.
OpenedRecords open_json(LineReader& lines, std::string_view head, const RecordShape& shape);

}  // namespace tessera
