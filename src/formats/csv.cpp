#include "formats/csv.h"

#include <algorithm>
#include <cstring>

#include "formats/fields.h"

namespace tessera {
namespace {

void split_at_character(std::string_view line, char delimiter,
                        std::vector<std::string_view>& fields) {
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

void split_plain(std::string_view line, const CsvStyle& style,
                 std::vector<std::string_view>& fields) {
  if (style.delimiter.size() == 1) {
    split_at_character(line, style.delimiter[0], fields);
  } else {
    for (std::size_t at = 0;;) {
      const std::size_t end = line.find(style.delimiter, at);
      fields.push_back(line.substr(at, end == std::string_view::npos ? end : end - at));
      if (end == std::string_view::npos) break;
      at = end + style.delimiter.size();
    }
  }
  if (!style.skip_blanks) return;
  for (std::string_view& field : fields) {
    field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  }
}

// What a backslash and this character stand for.
char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

/// Cuts a line with quotes or backslashes in it. The line and the text without quotes may move
/// while they grow: fields are places until the end.
class QuotedLine {
 public:
  QuotedLine(LineReader& lines, const CsvStyle& style, std::string& unquoted)
      : lines_(lines), style_(style), unquoted_(unquoted) {
    unquoted_.clear();
  }

  void split(std::vector<std::string_view>& fields) {
    for (;;) {
      if (style_.skip_blanks) {
        while (at_ < line().size() && line()[at_] == ' ') ++at_;
      }
      take_field();
      if (at_ >= line().size()) break;
      at_ += style_.delimiter.size();
    }
    for (const Place& place : places_) {
      const std::string_view from = place.unquoted ? std::string_view(unquoted_) : line();
      fields.push_back(from.substr(place.begin, place.end - place.begin));
    }
  }

 private:
  struct Place {
    bool unquoted;
    std::size_t begin, end;
  };

  std::string_view line() const { return lines_.line(); }
  bool escapes() const { return style_.quoting == Quoting::backslash; }
  bool at_delimiter() const { return line().substr(at_).starts_with(style_.delimiter); }

  void take_field() {
    const std::size_t begin = unquoted_.size();
    if (at_ < line().size() && line()[at_] == '"') {
      append_quoted();
      places_.push_back({true, begin, unquoted_.size()});
      if (at_ < line().size() && !at_delimiter()) {
        fail(
            "text after the closing quote of field {}; double a quote inside a field, or give "
            "--quoting none if quotes are characters like others",
            places_.size());
      }
    } else if (escapes()) {
      append_escaped();
      places_.push_back({true, begin, unquoted_.size()});
    } else {
      const std::size_t end = std::min(line().find(style_.delimiter, at_), line().size());
      places_.push_back({false, at_, end});
      at_ = end;
    }
  }

  // The field that begins with a quote at `at_`, which moves behind its closing one.
  void append_quoted() {
    for (++at_;;) {
      const std::size_t stop = line().find_first_of(escapes() ? "\"\\" : "\"", at_);
      if (stop == std::string_view::npos || (line()[stop] == '\\' && stop + 1 == line().size())) {
        if (lines_.extend()) continue;
        fail("a quote is not closed; close it, double it inside the field, or give --quoting none");
      }
      unquoted_.append(line(), at_, stop - at_);
      at_ = stop + 1;
      if (line()[stop] == '\\') {
        unquoted_ += unescaped(line()[at_++]);
        continue;
      }
      if (at_ >= line().size() || line()[at_] != '"') return;
      unquoted_ += '"';
      ++at_;
    }
  }

  // The field without quotes, in which a backslash may stand before a delimiter or a line end.
  void append_escaped() {
    if (line().substr(at_).starts_with("\\N")) {
      const std::size_t behind = at_ + 2;
      if (behind == line().size() || line().substr(behind).starts_with(style_.delimiter)) {
        unquoted_ += "\\N";
        at_ = behind;
        return;
      }
    }
    for (; at_ < line().size() && !at_delimiter(); ++at_) {
      if (line()[at_] != '\\') {
        unquoted_ += line()[at_];
        continue;
      }
      ++at_;
      if (at_ == line().size() && !lines_.extend()) fail("a backslash ends the file");
      unquoted_ += unescaped(line()[at_]);
    }
  }

  LineReader& lines_;
  const CsvStyle& style_;
  std::string& unquoted_;
  std::size_t at_ = 0;
  std::vector<Place> places_;
};

bool has_quotes(std::string_view line, Quoting quoting) {
  if (quoting == Quoting::none || line.empty()) return false;
  return std::memchr(line.data(), '"', line.size()) != nullptr ||
         (quoting == Quoting::backslash && line.find('\\') != std::string_view::npos);
}

}  // namespace

void split_csv(LineReader& lines, const CsvStyle& style, std::string& unquoted,
               std::vector<std::string_view>& fields) {
  fields.clear();
  if (style.delimiter == kBlanks) return split_fields(lines.line(), fields);
  if (!has_quotes(lines.line(), style.quoting)) return split_plain(lines.line(), style, fields);
  QuotedLine(lines, style, unquoted).split(fields);
}

void read_csv(LineReader& lines, const CsvStyle& style, std::size_t columns,
              std::span<const std::size_t> wanted, BadRecords& bad, const RowSink& sink) {
  std::string unquoted;
  std::vector<std::string_view> fields;
  std::vector<Value> row(wanted.size());
  while (lines.next()) {
    if (lines.line().empty()) continue;
    bad.guard(lines, [&] {
      try {
        split_csv(lines, style, unquoted, fields);
        if (fields.size() != columns) {
          const std::size_t joined = lines.joined();
          fail("{} fields where {} are expected{}; correct the line, or quote its fields",
               fields.size(), columns,
               joined > 1 ? fmt::format(" (a quote joins {} lines)", joined) : "");
        }
      } catch (const Error&) {
        // A quote that should not be there must not swallow the records behind it.
        lines.back_to_first();
        throw;
      }
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] < columns) row[i] = {fields[wanted[i]], Value::Kind::word};
      }
      sink(row);
    });
  }
}

}  // namespace tessera
