#include "formats/netflix.h"

#include <algorithm>

namespace tessera {
namespace {

// "1:" → "1"; else "".
std::string_view block_of(std::string_view line) {
  if (line.size() < 2 || !line.ends_with(':')) return {};
  line.remove_suffix(1);
  const bool number = std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
  return number ? line : std::string_view();
}

std::string_view cut_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

const std::vector<std::string>& netflix_names() {
  static const std::vector<std::string> names = {"user", "item", "rating", "time"};
  return names;
}

void read_netflix(LineReader& lines, std::span<const std::string> wanted, BadRecords& bad,
                  const RowSink& sink) {
  std::string item;
  std::vector<Value> row(wanted.size());
  while (lines.next()) {
    if (lines.line().empty()) continue;
    if (const std::string_view block = block_of(lines.line()); !block.empty()) {
      item = block;
      continue;
    }
    bad.guard(lines, [&] {
      std::string_view rest = lines.line();
      std::string_view fields[4];
      for (const std::size_t place : {0U, 2U, 3U}) {
        const std::size_t end = place == 3 ? rest.size() : rest.find(',');
        if (end == std::string_view::npos) fail("expected 'user,rating,date'; correct the line");
        fields[place] = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      fields[1] = item;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto at = std::ranges::find(netflix_names(), wanted[i]) - netflix_names().begin();
        row[i] = at < 4 ? Value{fields[at], Value::Kind::word} : Value{};
      }
      sink(row);
    });
  }
}

}  // namespace

bool is_netflix(std::string_view head) {
  if (block_of(cut_line(head)).empty()) return false;
  const std::string_view second = cut_line(head);
  return std::ranges::count(second, ',') == 2 || !block_of(second).empty();
}

OpenedRecords open_netflix(LineReader& /*lines*/, std::string_view /*head*/,
                           const RecordShape& /*shape*/) {
  return {netflix_names(), read_netflix};
}

}  // namespace tessera
