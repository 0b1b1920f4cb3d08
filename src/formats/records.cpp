#include "formats/records.h"

#include <algorithm>

#include "formats/csv.h"
#include "formats/json_lines.h"

namespace tessera {
namespace {

bool is_json(Format format) { return format == Format::jsonl || format == Format::amazon; }

// The names in the first line, those of RecBole without their types ("user_id:token").
std::vector<std::string> header_names(LineReader& lines, const RecordShape& shape) {
  std::string unquoted;
  std::vector<std::string_view> fields;
  split_csv(lines, shape.delimiter, shape.format == Format::csv, unquoted, fields);
  std::vector<std::string> names;
  for (const std::string_view field : fields) {
    if (field.find('\r') != std::string_view::npos) {
      fail("{}: its lines end in bare carriage returns; convert it (tr '\\r' '\\n')", lines.name());
    }
    const bool typed = shape.format == Format::recbole;
    names.emplace_back(typed ? field.substr(0, field.rfind(':')) : field);
  }
  return names;
}

}  // namespace

RecordShape shape_named(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &NamedFormat::name);
  if (found == std::end(kFormats)) fail_usage("format '{}': there is none of this name", name);
  return found->shape;
}

void BadRecords::refuse(const std::string& where, const Error& error) {
  const std::string what = fmt::format("{}: {}", where, error.what());
  if (skipped == 0) first = what;
  if (allowed == 0) fail("{}", what);
  if (skipped == allowed) fail("{} (after {} bad ones that --max-errors let pass)", what, allowed);
  ++skipped;
}

RecordReader::RecordReader(ByteStream& stream, const RecordShape& shape)
    : lines_(stream), shape_(shape) {
  std::string_view ahead = lines_.ahead();
  if (ahead.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fail("{}: the file is empty; give a file with records", lines_.name());
  }
  if (is_json(shape_.format)) {
    names_ = json_names(ahead, shape_.format == Format::amazon);
    return;
  }
  if (shape_.format == Format::recbole) shape_.delimiter = '\t';
  if (shape_.delimiter == '\0') {
    shape_.delimiter = guess_delimiter(ahead.substr(0, ahead.find('\n')));
  }
  if (shape_.header || shape_.format == Format::recbole) {
    lines_.next();
    names_ = header_names(lines_, shape_);
  } else {
    ByteStream copy(lines_.name(), ahead);
    LineReader first(copy);
    first.next();
    for (std::size_t i = 1; i <= header_names(first, shape_).size(); ++i) {
      names_.push_back(std::to_string(i));
    }
  }
}

void RecordReader::read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) {
  if (is_json(shape_.format)) {
    return read_json_lines(lines_, shape_.format == Format::amazon, wanted, bad, sink);
  }
  std::vector<std::size_t> columns;
  for (const std::string& name : wanted) {
    const auto found = std::ranges::find(names_, name);
    columns.push_back(name.empty() ? names_.size()
                                   : static_cast<std::size_t>(found - names_.begin()));
  }
  const bool quotes = shape_.format == Format::csv;
  read_csv(lines_, shape_.delimiter, quotes, names_.size(), columns, bad, sink);
}

}  // namespace tessera
