#pragma once
#include "formats/csv.h"

namespace tessera {

/// Of the first records so many are looked at.
inline constexpr std::size_t kSampledRecords = 1000;

/// Lines of fields, what the shape leaves open being guessed: see OpenFormat. One that looks like
/// the Netflix Prize's files is read as such.
OpenedRecords open_csv(LineReader& lines, std::string_view head, const RecordShape& shape);
/// The same between tabs.
OpenedRecords open_tsv(LineReader& lines, std::string_view head, const RecordShape& shape);
/// RecBole's atomic files: between tabs, quotes are characters, names carry types.
OpenedRecords open_recbole(LineReader& lines, std::string_view head, const RecordShape& shape);

}  // namespace tessera
