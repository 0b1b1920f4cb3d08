#pragma once
#include <string>
#include <vector>

#include "formats/records.h"

namespace tessera::testing {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

/// All rows of a file in memory; absent values are "<absent>".
inline Rows rows_of(std::string_view content, const RecordShape& shape,
                    const std::vector<std::string>& wanted, BadRecords& bad) {
  ByteStream stream("file", content);
  RecordReader reader(stream, shape);
  Rows rows;
  reader.read(wanted, bad, [&](std::span<const Value> row) {
    rows.emplace_back();
    for (const Value& value : row) {
      rows.back().push_back(value.kind == Value::Kind::absent ? "<absent>"
                                                              : std::string(value.text));
    }
  });
  return rows;
}

inline Rows rows_of(std::string_view content, const RecordShape& shape,
                    const std::vector<std::string>& wanted) {
  BadRecords none;
  return rows_of(content, shape, wanted, none);
}

inline std::vector<std::string> names_of(std::string_view content, const RecordShape& shape) {
  ByteStream stream("file", content);
  return RecordReader(stream, shape).names();
}

}  // namespace tessera::testing
