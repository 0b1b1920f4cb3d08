#pragma once
#include "formats/records.h"

namespace tessera {

/// Whether text begins as the files of the Netflix Prize: "1:", and "1488844,3,2005-09-06" below.
bool is_netflix(std::string_view head);

/// Their fields "user", "item", "rating" and "time": see OpenFormat.
OpenedRecords open_netflix(LineReader& lines, std::string_view head, const RecordShape& shape);

}  // namespace tessera
