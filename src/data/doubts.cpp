#include "data/doubts.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "base/numbers.h"

namespace tessera {
namespace {

constexpr std::size_t kFewEvents = 20;  // of which nothing can be said

std::vector<bool> met_items(const EventLog& log) {
  std::vector<bool> met(log.items.size());
  for (const std::int32_t item : log.item) met[static_cast<std::size_t>(item)] = true;
  return met;
}

std::size_t count_true(const std::vector<bool>& flags) {
  return static_cast<std::size_t>(std::ranges::count(flags, true));
}

std::string field_of(const EventLog& log, std::string_view role) {
  const auto found = std::ranges::find(log.choices, role, &FieldChoice::role);
  return found == log.choices.end() ? "" : fmt::format(" ('{}')", found->field);
}

// How ids of one thing come to be written in two ways.
struct Cause {
  const char* what;
  std::string (*plain)(std::string_view id);
};

std::string without_fraction(std::string_view id) {
  return std::string(id.ends_with(".0") ? id.substr(0, id.size() - 2) : id);
}

std::string without_zeros(std::string_view id) {
  return std::string(id.substr(std::min(id.find_first_not_of('0'), id.size())));
}

std::string without_blanks(std::string_view id) {
  const std::size_t first = std::min(id.find_first_not_of(" \t"), id.size());
  return std::string(id.substr(first, id.find_last_not_of(" \t") + 1 - first));
}

std::string in_lower_case(std::string_view id) {
  std::string lower(id);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

constexpr std::array kCauses = {
    Cause{"'.0' behind whole numbers", without_fraction}, Cause{"leading zeros", without_zeros},
    Cause{"blanks around them", without_blanks}, Cause{"upper and lower case", in_lower_case}};

// "; they differ by leading zeros, as 007 and 7", or "" if no cause is seen.
std::string cause_of_difference(const IdTable& ids, const std::vector<bool>& met,
                                const std::vector<bool>& listed) {
  for (const Cause& cause : kCauses) {
    std::unordered_map<std::string, std::size_t> plain;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      if (listed[i]) plain.emplace(cause.plain(ids[i]), i);
    }
    std::size_t same = 0;
    std::string example;
    for (std::size_t i = 0; i < met.size(); ++i) {
      if (!met[i]) continue;
      const auto found = plain.find(cause.plain(ids[i]));
      if (found == plain.end()) continue;
      ++same;
      if (found->second != i) example = fmt::format("'{}' and '{}'", ids[i], ids[found->second]);
    }
    const std::size_t fewer = std::min(count_true(met), count_true(listed));
    if (2 * same > fewer && !example.empty()) {
      return fmt::format("; they differ by {}, as {}", cause.what, example);
    }
  }
  return "";
}

void doubt_items(const EventLog& log, const ItemTexts& items, std::vector<std::string>& doubts) {
  const std::vector<bool> met = met_items(log);
  const std::size_t listed = count_true(items.listed);
  const std::size_t known = count_true(met);
  if (listed == 0 || known == 0) return;
  std::size_t both = 0;
  for (std::size_t i = 0; i < items.listed.size(); ++i) both += items.listed[i] && met[i] ? 1 : 0;
  if (10 * both >= std::min(listed, known)) return;
  doubts.push_back(fmt::format(
      "the events name {} items and the file of items {}, but only {} ids are in both{}",
      grouped(known), grouped(listed), grouped(both),
      cause_of_difference(log.items, met, items.listed)));
}

void doubt_ids(const EventLog& log, const std::string& source, std::vector<std::string>& doubts) {
  const std::size_t events = log.user.size();
  if (events < kFewEvents) return;
  const auto doubt = [&](const char* role, std::size_t distinct) {
    if (10 * distinct < 9 * events) return;
    doubts.push_back(
        fmt::format("{}: {} events have {} different {}s: is the field{} the key of the row?",
                    source, grouped(events), grouped(distinct), role, field_of(log, role)));
  };
  doubt("item", count_true(met_items(log)));
  doubt("user", log.users.size());
}

// The text between words with a digit each, if that is what (nearly) all ids are made of; "" if
// not.
std::string list_delimiter(const IdTable& ids, const std::vector<bool>& met) {
  constexpr std::array<std::string_view, 4> kBetween = {" ", ",", "|", ";"};
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (const std::string_view between : kBetween) {
    std::size_t lists = 0;
    for (std::size_t i = 0; i < met.size(); ++i) {
      std::string_view rest = met[i] ? ids[i] : std::string_view();
      std::size_t words = 0;
      bool all = true;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(between), rest.size());
        all = all && std::ranges::any_of(rest.substr(0, end), digit);
        rest.remove_prefix(std::min(end + between.size(), rest.size()));
        ++words;
      }
      lists += all && words > 1 ? 1 : 0;
    }
    if (10 * lists >= 8 * count_true(met) && lists > 0) return std::string(between);
  }
  return "";
}

void doubt_lists(const EventLog& log, const EventFields& fields, const std::string& source,
                 std::vector<std::string>& doubts) {
  if (!fields.item_delimiter.empty()) return;
  const std::vector<bool> met = met_items(log);
  const std::string between = list_delimiter(log.items, met);
  if (between.empty()) return;
  const auto example = static_cast<std::size_t>(std::ranges::find(met, true) - met.begin());
  doubts.push_back(
      fmt::format("{}: items such as '{}' look like lists; --item-delimiter '{}' makes an event of "
                  "each of their ids",
                  source, log.items[example], between));
}

void doubt_types(const EventLog& log, const EventFields& fields, std::vector<std::string>& doubts) {
  std::string never;
  for (const auto& [type, weight] : fields.weights) {
    if (!log.types.contains(type)) never += (never.empty() ? "'" : ", '") + type + "'";
  }
  if (!never.empty()) doubts.push_back("--event-types: no event is of the type " + never);
  std::string others;
  std::size_t count = 0;
  for (const auto& [type, events] : log.types) {
    if (fields.weights.contains(type) || ++count > 5) continue;
    others += fmt::format("{}'{}' ({})", others.empty() ? "" : ", ", type, grouped(events));
  }
  if (count == 0) return;
  doubts.push_back(fmt::format("--event-types leaves out events of the type {}{}", others,
                               count > 5 ? " and others" : ""));
}

}  // namespace

std::vector<std::string> doubts_about(const EventLog& log, const ItemTexts& items,
                                      const EventFields& fields, const std::string& source,
                                      bool timed) {
  std::vector<std::string> doubts = log.remarks;
  doubts.insert(doubts.end(), items.remarks.begin(), items.remarks.end());
  if (timed && log.time.empty() && !log.user.empty()) {
    doubts.push_back(fmt::format(
        "{}: no time was found, so events keep the order of the file; --time names the field",
        source));
  }
  doubt_ids(log, source, doubts);
  doubt_lists(log, fields, source, doubts);
  doubt_items(log, items, doubts);
  if (!fields.weights.empty()) doubt_types(log, fields, doubts);
  if (items.broken_texts > 0) {
    doubts.push_back(fmt::format(
        "{} texts of items hold bytes that are not UTF-8, which became U+FFFD; is it another "
        "encoding (--encoding)?",
        grouped(items.broken_texts)));
  }
  return doubts;
}

}  // namespace tessera
