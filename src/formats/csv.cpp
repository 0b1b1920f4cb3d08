#include "formats/csv.h"

#include <algorithm>
#include <cstring>

namespace tessera {
namespace {

void split_plain(std::string_view line, char delimiter, std::vector<std::string_view>& fields) {
  for (;;) {
    const auto* end =
        line.empty() ? nullptr
                     : static_cast<const char*>(std::memchr(line.data(), delimiter, line.size()));
    if (end == nullptr) break;
    const auto length = static_cast<std::size_t>(end - line.data());
    fields.push_back(line.substr(0, length));
    line.remove_prefix(length + 1);
  }
  fields.push_back(line);
}

// The field that begins with a quote at `at` of the line, undoubled at the end of `unquoted`;
// `at` moves behind its closing quote.
void append_quoted(LineReader& lines, std::size_t& at, std::string& unquoted) {
  for (++at;;) {
    const std::size_t quote = lines.line().find('"', at);
    if (quote == std::string_view::npos) {
      if (lines.extend()) continue;
      fail("a quote is not closed; close it, or double it inside the field");
    }
    const std::string_view line = lines.line();
    unquoted.append(line, at, quote - at);
    at = quote + 1;
    if (at >= line.size() || line[at] != '"') return;
    unquoted += '"';
    ++at;
  }
}

}  // namespace

void split_csv(LineReader& lines, char delimiter, bool quotes, std::string& unquoted,
               std::vector<std::string_view>& fields) {
  fields.clear();
  const std::string_view plain = lines.line();
  if (!quotes || plain.empty() || std::memchr(plain.data(), '"', plain.size()) == nullptr) {
    return split_plain(plain, delimiter, fields);
  }
  // The line and `unquoted` may move while they grow: fields are places until the end.
  struct Place {
    bool quoted;
    std::size_t begin, end;
  };
  std::vector<Place> places;
  unquoted.clear();
  for (std::size_t at = 0;;) {
    if (at < lines.line().size() && lines.line()[at] == '"') {
      const std::size_t begin = unquoted.size();
      append_quoted(lines, at, unquoted);
      places.push_back({true, begin, unquoted.size()});
      if (at < lines.line().size() && lines.line()[at] != delimiter) {
        fail("text after the closing quote of field {}; double a quote inside a field",
             places.size());
      }
    } else {
      const std::size_t end = std::min(lines.line().find(delimiter, at), lines.line().size());
      places.push_back({false, at, end});
      at = end;
    }
    if (at >= lines.line().size()) break;
    ++at;  // the delimiter
  }
  for (const Place& place : places) {
    const std::string_view from = place.quoted ? std::string_view(unquoted) : lines.line();
    fields.push_back(from.substr(place.begin, place.end - place.begin));
  }
}

char guess_delimiter(std::string_view line) {
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char candidate : {',', ';', '\t', '|'}) {
    const auto count = std::ranges::count(line, candidate);
    if (count > most) {
      most = count;
      best = candidate;
    }
  }
  return best;
}

void read_csv(LineReader& lines, char delimiter, bool quotes, std::size_t columns,
              std::span<const std::size_t> wanted, BadRecords& bad, const RowSink& sink) {
  std::string unquoted;
  std::vector<std::string_view> fields;
  std::vector<Value> row(wanted.size());
  while (lines.next()) {
    if (lines.line().empty()) continue;
    bad.guard(lines, [&] {
      split_csv(lines, delimiter, quotes, unquoted, fields);
      if (fields.size() != columns) {
        fail("{} fields where {} are expected; correct the line, or quote its fields",
             fields.size(), columns);
      }
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] < columns) row[i] = {fields[wanted[i]], Value::Kind::word};
      }
      sink(row);
    });
  }
}

}  // namespace tessera
