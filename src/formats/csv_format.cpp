#include "formats/csv_format.h"

#include <algorithm>

#include "formats/csv_guess.h"
#include "formats/netflix.h"

namespace tessera {
namespace {

// The names in the first line, those of RecBole without their types ("user_id:token").
std::vector<std::string> header_names(LineReader& lines, const CsvStyle& style, bool typed) {
  std::string unquoted;
  std::vector<std::string_view> fields;
  split_csv(lines, style, unquoted, fields);
  std::vector<std::string> names;
  for (const std::string_view field : fields) {
    if (field.find('\r') != std::string_view::npos) {
      fail("{}: its lines end in bare carriage returns; convert it (tr '\\r' '\\n')", lines.name());
    }
    names.emplace_back(typed ? field.substr(0, field.rfind(':')) : field);
  }
  return names;
}

// The first records that have as many fields as the first.
std::vector<std::vector<std::string>> first_rows(const std::string& name, std::string_view head,
                                                 const CsvStyle& style) {
  ByteStream stream(name, head);
  LineReader lines(stream, "utf-8");
  std::string unquoted;
  std::vector<std::string_view> fields;
  std::vector<std::vector<std::string>> rows;
  while (rows.size() < kSampledRecords && lines.next()) {
    if (lines.line().empty()) continue;
    try {
      split_csv(lines, style, unquoted, fields);
    } catch (const Error&) {  // said when it is read
      lines.back_to_first();
      continue;
    }
    if (rows.empty() || fields.size() == rows[0].size())
      rows.emplace_back(fields.begin(), fields.end());
  }
  return rows;
}

OpenedRecords::Read reader_of(const CsvStyle& style, const std::vector<std::string>& names) {
  return [style, names](LineReader& lines, std::span<const std::string> wanted, BadRecords& bad,
                        const RowSink& sink) {
    std::vector<std::size_t> columns;
    for (const std::string& name : wanted) {
      const auto found = std::ranges::find(names, name);
      columns.push_back(name.empty() ? names.size()
                                     : static_cast<std::size_t>(found - names.begin()));
    }
    read_csv(lines, style, names.size(), columns, bad, sink);
  };
}

OpenedRecords with_header(LineReader& lines, const CsvStyle& style, bool typed) {
  lines.next();
  OpenedRecords opened;
  opened.header = true;
  opened.names = header_names(lines, style, typed);
  opened.read = reader_of(style, opened.names);
  return opened;
}

OpenedRecords without_header(const std::string& name, std::string_view head,
                             const CsvStyle& style) {
  ByteStream copy(name, head);
  LineReader first(copy, "utf-8");
  first.next();
  OpenedRecords opened;
  opened.nameless = true;
  for (std::size_t i = 1; i <= header_names(first, style, false).size(); ++i) {
    opened.names.push_back(std::to_string(i));
  }
  opened.read = reader_of(style, opened.names);
  return opened;
}

}  // namespace

OpenedRecords open_csv(LineReader& lines, std::string_view head, const RecordShape& shape) {
  if (shape.delimiter.empty() && is_netflix(head)) return open_netflix(lines, head, shape);
  CsvStyle style;
  style.delimiter = shape.delimiter.empty() ? guess_delimiter(head) : shape.delimiter;
  style.quoting = shape.quoting.value_or(style.delimiter == "\t" ? Quoting::none : Quoting::csv);
  style.skip_blanks = guess_skip_blanks(head, style.delimiter);
  const std::string& name = lines.name();
  const bool header = shape.header ? *shape.header : first_row_names(first_rows(name, head, style));
  if (header) return with_header(lines, style, false);
  OpenedRecords opened = without_header(name, head, style);
  if (!shape.header) {
    opened.remarks.push_back(fmt::format(
        "{}: its first line is a record, so fields are called 1, 2, …; --header says otherwise",
        name));
  }
  return opened;
}

OpenedRecords open_tsv(LineReader& lines, std::string_view head, const RecordShape& shape) {
  RecordShape tabs = shape;
  if (tabs.delimiter.empty()) tabs.delimiter = "\t";
  return open_csv(lines, head, tabs);
}

OpenedRecords open_recbole(LineReader& lines, std::string_view /*head*/,
                           const RecordShape& /*shape*/) {
  return with_header(lines, {.delimiter = "\t", .quoting = Quoting::none}, true);
}

}  // namespace tessera
