#include "formats/records.h"

#include <algorithm>

#include "formats/csv_guess.h"
#include "formats/json_lines.h"
#include "formats/netflix.h"

namespace tessera {
namespace {

constexpr std::size_t kSeen = 256U << 10;  // of a longer file
constexpr std::size_t kSampled = 1000;     // records

bool is_json(Format format) { return format == Format::jsonl || format == Format::amazon; }

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
  while (rows.size() < kSampled && lines.next()) {
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

CsvStyle style_of(const RecordShape& shape, bool skip_blanks) {
  return {shape.delimiter, shape.quoting.value_or(Quoting::csv), skip_blanks};
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
  if (share == 0 && allowed == 0) fail("{}", what);
  if (share == 0 && skipped == allowed) {
    fail("{} (after {} bad ones that --max-errors let pass)", what, allowed);
  }
  ++skipped;
}

void BadRecords::finish(std::size_t good) const {
  const auto records = static_cast<double>(good + skipped);
  if (share == 0 || static_cast<double>(skipped) <= share * records) return;
  fail("{} of {} records are bad, more than --max-errors {:g}%; the first: {}", skipped,
       good + skipped, 100 * share, first);
}

RecordReader::RecordReader(ByteStream& stream, const RecordShape& shape)
    : lines_(stream, shape.encoding), shape_(shape) {
  std::string_view ahead = lines_.ahead();
  if (ahead.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fail("{}: the file is empty; give a file with records", lines_.name());
  }
  if (!lines_.guessed_encoding().empty()) {
    remarks_.push_back(fmt::format("{}: is not UTF-8 and is read as {}; --encoding says another",
                                   name(), lines_.guessed_encoding()));
  }
  // A record that is cut off at the end of what can be seen says nothing.
  const std::size_t last = ahead.size() < kSeen ? std::string_view::npos : ahead.rfind('\n');
  head_ = last == std::string_view::npos ? ahead : ahead.substr(0, last + 1);
  if (is_json(shape_.format)) {
    names_ = json_names(ahead);
    return;
  }
  if (shape_.format == Format::csv && shape_.delimiter.empty() && is_netflix(ahead)) {
    shape_.format = Format::netflix;
  }
  if (shape_.format == Format::netflix) {
    names_ = netflix_names();
    return;
  }
  start_csv(head_);
}

void RecordReader::start_csv(std::string_view ahead) {
  const bool recbole = shape_.format == Format::recbole;
  if (recbole) shape_.delimiter = '\t';
  if (shape_.delimiter.empty()) shape_.delimiter = guess_delimiter(ahead);
  if (recbole || shape_.delimiter == "\t") {
    shape_.quoting = recbole ? Quoting::none : shape_.quoting.value_or(Quoting::none);
  }
  skip_blanks_ = !recbole && guess_skip_blanks(ahead, shape_.delimiter);
  const CsvStyle style = style_of(shape_, skip_blanks_);
  if (recbole) shape_.header = true;
  if (!shape_.header) {
    shape_.header = first_row_names(first_rows(name(), ahead, style));
    if (!*shape_.header) {
      remarks_.push_back(fmt::format(
          "{}: its first line is a record, so fields are called 1, 2, …; --header says otherwise",
          name()));
    }
  }
  if (*shape_.header) {
    lines_.next();
    names_ = header_names(lines_, style, recbole);
    const std::size_t first = std::min(head_.find('\n'), head_.size() - 1);
    head_.erase(0, first + 1);
    return;
  }
  ByteStream copy(name(), ahead);
  LineReader first(copy, "utf-8");
  first.next();
  for (std::size_t i = 1; i <= header_names(first, style, false).size(); ++i) {
    names_.push_back(std::to_string(i));
  }
}

bool RecordReader::nameless() const { return shape_.format == Format::csv && !*shape_.header; }

std::vector<std::string> RecordReader::sample(const std::string& field) {
  std::vector<std::string> values;
  ByteStream copy(name(), head_);
  LineReader lines(copy, "utf-8");
  BadRecords any{.share = 1};
  const std::string wanted[] = {field};
  try {
    read_from(lines, wanted, any, [&](std::span<const Value> row) {
      if (values.size() < kSampled) values.emplace_back(row[0].text);
    });
  } catch (const Error&) {  // said when the records are read
  }
  return values;
}

void RecordReader::read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) {
  read_from(lines_, wanted, bad, sink);
}

void RecordReader::read_from(LineReader& lines, std::span<const std::string> wanted,
                             BadRecords& bad, const RowSink& sink) const {
  if (is_json(shape_.format)) return read_json(lines, wanted, bad, sink);
  if (shape_.format == Format::netflix) return read_netflix(lines, wanted, bad, sink);
  std::vector<std::size_t> columns;
  for (const std::string& name : wanted) {
    const auto found = std::ranges::find(names_, name);
    columns.push_back(name.empty() ? names_.size()
                                   : static_cast<std::size_t>(found - names_.begin()));
  }
  read_csv(lines, style_of(shape_, skip_blanks_), names_.size(), columns, bad, sink);
}

}  // namespace tessera
