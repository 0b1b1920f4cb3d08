#include "formats/csv_guess.h"

#include <algorithm>
#include <array>

#include "base/numbers.h"
#include "formats/fields.h"
#include "formats/times.h"

namespace tessera {
namespace {

constexpr std::array<std::string_view, 5> kDelimiters = {"::", "\t", ",", ";", "|"};
constexpr std::size_t kLines = 20;

std::vector<std::string_view> first_lines(std::string_view head) {
  std::vector<std::string_view> lines;
  while (!head.empty() && lines.size() < kLines) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    std::string_view line = head.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
    head.remove_prefix(std::min(end + 1, head.size()));
  }
  return lines;
}

// How often it stands outside quotes; with `blanks`, only before a blank.
std::size_t count_outside_quotes(std::string_view line, std::string_view delimiter,
                                 bool before_blank = false) {
  std::size_t count = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '"') quoted = !quoted;
    if (quoted || !line.substr(at).starts_with(delimiter)) continue;
    const std::size_t behind = at + delimiter.size();
    count += !before_blank || (behind < line.size() && line[behind] == ' ') ? 1 : 0;
    at = behind - 1;
  }
  return count;
}

std::string blanks_or_comma(std::span<const std::string_view> lines) {
  std::vector<std::string_view> words;
  std::size_t columns = 0;
  for (const std::string_view line : lines) {
    split_fields(line, words);
    if (columns != 0 && words.size() != columns) return ",";
    columns = words.size();
  }
  return columns > 1 ? std::string(kBlanks) : ",";
}

enum class Kind { nothing, number, time, word };

Kind kind_of(const std::string& text) {
  if (text.find_first_not_of(" \t\r") == std::string::npos) return Kind::nothing;
  if (parse_number<double>(text)) return Kind::number;
  return looks_like_time(text) ? Kind::time : Kind::word;
}

// What all of them are; a word if they differ.
Kind kind_of_column(std::span<const std::vector<std::string>> rows, std::size_t column) {
  Kind all = Kind::nothing;
  for (const std::vector<std::string>& row : rows) {
    const Kind kind = kind_of(row[column]);
    if (kind == Kind::nothing) continue;
    if (all != Kind::nothing && kind != all) return Kind::word;
    all = kind;
  }
  return all;
}

}  // namespace

std::string guess_delimiter(std::string_view head) {
  const std::vector<std::string_view> lines = first_lines(head);
  if (lines.empty()) return ",";
  std::string_view best;
  std::size_t most = 0;
  bool best_steady = false;
  for (const std::string_view delimiter : kDelimiters) {
    const std::size_t count = count_outside_quotes(lines[0], delimiter);
    const bool steady = count > 0 && std::ranges::all_of(lines, [&](std::string_view line) {
                          return count_outside_quotes(line, delimiter) == count;
                        });
    if (count == 0 || (best_steady && !steady)) continue;
    if (count > most || (steady && !best_steady)) {
      best = delimiter;
      most = count;
      best_steady = steady;
    }
  }
  return best.empty() ? blanks_or_comma(lines) : std::string(best);
}

bool guess_skip_blanks(std::string_view head, const std::string& delimiter) {
  if (delimiter == kBlanks || delimiter == "\t") return false;
  std::size_t delimiters = 0;
  std::size_t blanks = 0;
  for (const std::string_view line : first_lines(head)) {
    delimiters += count_outside_quotes(line, delimiter);
    blanks += count_outside_quotes(line, delimiter, true);
  }
  return delimiters > 0 && blanks == delimiters;
}

bool first_row_names(std::span<const std::vector<std::string>> rows) {
  if (rows.empty()) return true;
  const std::vector<std::string>& first = rows[0];
  const auto rest = rows.subspan(1);
  const auto is_word = [](const std::string& text) { return kind_of(text) == Kind::word; };
  if (rest.empty()) return std::ranges::any_of(first, is_word);
  bool like_the_rest = false;
  for (std::size_t c = 0; c < first.size(); ++c) {
    const Kind own = kind_of(first[c]);
    const Kind below = kind_of_column(rest, c);
    const bool values = below == Kind::number || below == Kind::time;
    if (own == Kind::word && values) return true;
    const bool again = own != Kind::nothing && std::ranges::any_of(rest, [&](const auto& row) {
                         return row[c] == first[c] && row != first;
                       });
    like_the_rest = like_the_rest || (own != Kind::word && own == below) || again;
  }
  return !like_the_rest;
}

}  // namespace tessera
