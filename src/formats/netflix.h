#pragma once
#include "formats/records.h"

namespace tessera {

/// Whether text begins as the files of the Netflix Prize: "1:", and "1488844,3,2005-09-06" below.
bool is_netflix(std::string_view head);

/// Its fields, in the order of names "user", "item", "rating", "time".
const std::vector<std::string>& netflix_names();

/// Rows of the wanted fields, to the end.
void read_netflix(LineReader& lines, std::span<const std::string> wanted, BadRecords& bad,
                  const RowSink& sink);

}  // namespace tessera
