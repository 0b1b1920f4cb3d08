#pragma once
#include "formats/records.h"

namespace tessera {

/// A delimiter of any number of blanks and tabs, also at the ends of a line.
inline constexpr std::string_view kBlanks = "blanks";

/// How lines are cut into fields.
struct CsvStyle {
  std::string delimiter = ",";  ///< a text, or kBlanks
  Quoting quoting = Quoting::csv;
  bool skip_blanks = false;  ///< those behind a delimiter, before the field
};

/// Fields of the current line. Quoting::csv as RFC 4180 has it: a doubled quote is one, delimiters
/// and line ends may stand inside (`lines` is extended for these), and a quote within a field that
/// does not begin with one is a character like any other. Quoting::backslash: the same, and a
/// backslash takes the next character's meaning; a field of \N alone stays as it is. Views into
/// `lines` or `unquoted`. Throws Error for text after a closing quote, or one that is never closed.
void split_csv(LineReader& lines, const CsvStyle& style, std::string& unquoted,
               std::vector<std::string_view>& fields);

/// Rows of the wanted columns (npos: absent) of `columns` in all, to the end. Behind a bad record
/// reading goes on with the line after its first.
void read_csv(LineReader& lines, const CsvStyle& style, std::size_t columns,
              std::span<const std::size_t> wanted, BadRecords& bad, const RowSink& sink);

}  // namespace tessera
