#include "formats/records.h"

#include <algorithm>

#include "formats/csv_format.h"
#include "formats/json_lines.h"
#include "formats/netflix.h"

namespace tessera {
namespace {

constexpr std::size_t kSeen = 256U << 10;  // of a longer file

struct Format {
  std::string_view name;
  OpenFormat open;
};
constexpr Format kFormats[] = {{"csv", open_csv},         {"tsv", open_tsv},
                               {"jsonl", open_json},      {"amazon", open_json},
                               {"recbole", open_recbole}, {"netflix", open_netflix},
                               {kExportFormat, open_json}};

const Format& format_named(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &Format::name);
  if (found == std::end(kFormats)) fail_usage("format '{}': there is none of this name", name);
  return *found;
}

// The whole lines that can be seen: a record that is cut off says nothing.
std::string_view whole_lines(std::string_view ahead) {
  const std::size_t last = ahead.size() < kSeen ? std::string_view::npos : ahead.rfind('\n');
  return last == std::string_view::npos ? ahead : ahead.substr(0, last + 1);
}

}  // namespace

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format& format : kFormats) names.emplace_back(format.name);
  return names;
}

RecordShape shape_named(std::string_view name) {
  return {.format = std::string(format_named(name).name)};
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
    : lines_(stream, shape.encoding) {
  const std::string_view ahead = lines_.ahead();
  if (ahead.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fail("{}: the file is empty; give a file with records", lines_.name());
  }
  head_ = whole_lines(ahead);
  opened_ = format_named(shape.format).open(lines_, head_, shape);
  if (opened_.header) head_.erase(0, std::min(head_.find('\n'), head_.size() - 1) + 1);
  if (!lines_.guessed_encoding().empty()) {
    opened_.remarks.insert(
        opened_.remarks.begin(),
        fmt::format("{}: is not UTF-8 and is read as {}; --encoding says another", name(),
                    lines_.guessed_encoding()));
  }
}

std::vector<std::string> RecordReader::sample(const std::string& field) {
  std::vector<std::string> values;
  ByteStream copy(name(), head_);
  LineReader lines(copy, "utf-8");
  BadRecords any{.share = 1};
  const std::string wanted[] = {field};
  try {
    opened_.read(lines, wanted, any, [&](std::span<const Value> row) {
      if (values.size() < kSampledRecords) values.emplace_back(row[0].text);
    });
  } catch (const Error&) {  // said when the records are read
  }
  return values;
}

}  // namespace tessera
