#pragma once
#include "formats/records.h"

namespace tessera {

/// Fields of the current line, quoted ones as RFC 4180 has it (a doubled quote is one, delimiters
/// and line ends may stand inside; `lines` is extended for these). A quote within a field that does
/// not begin with one is a character like any other. Views into `lines` or `unquoted`. Throws Error
/// for text after a closing quote, or a quote that is never closed.
void split_csv(LineReader& lines, char delimiter, bool quotes, std::string& unquoted,
               std::vector<std::string_view>& fields);

/// The most frequent of , ; tab | in a line; a comma if there is none.
char guess_delimiter(std::string_view line);

/// Rows of the wanted columns (npos: absent) of `columns` in all, to the end.
void read_csv(LineReader& lines, char delimiter, bool quotes, std::size_t columns,
              std::span<const std::size_t> wanted, BadRecords& bad, const RowSink& sink);

}  // namespace tessera
