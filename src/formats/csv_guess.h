#pragma once
#include "formats/csv.h"

namespace tessera {

/// What the first lines of a CSV file suggest where it was not said.

/// The delimiter of `head`, whole lines: of :: tab , ; and | the one that stands equally often, and
/// most often, in each of the first lines outside quotes; else the most frequent in the first;
/// blanks if there is none of them but as many words in each line.
std::string guess_delimiter(std::string_view head);

/// Whether blanks stand behind every delimiter of the first lines.
bool guess_skip_blanks(std::string_view head, const std::string& delimiter);

/// Whether the first of these rows, which have as many fields each, names the columns: it does
/// where it is a word in a column of numbers or times; it does not where it is a number or a time
/// in such a column, or stands in its column again further down.
bool first_row_names(std::span<const std::vector<std::string>> rows);

}  // namespace tessera
