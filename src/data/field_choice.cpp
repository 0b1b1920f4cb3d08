#include "data/field_choice.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/texts.h"
#include "formats/times.h"

namespace tessera {
namespace {

struct Customary {
  std::string_view role;
  std::vector<std::string_view> names;  // as plain_name makes them, the surest first
};

const std::vector<Customary>& customary() {
  static const std::vector<Customary> known = {
      {"user",
       {"user", "userid", "uid", "reviewerid", "customerid", "customer", "visitorid", "visitor",
        "memberid", "member", "accountid", "buyerid", "clientid", "readerid", "listenerid",
        "sessionid", "session", "用户id", "用户"}},
      {"item",
       {"item",     "itemid",  "parentasin", "asin",    "iid",        "productid", "product",
        "movieid",  "movie",   "articleid",  "article", "sku",        "isbn",      "bookid",
        "book",     "trackid", "track",      "songid",  "gameid",     "contentid", "videoid",
        "video",    "newsid",  "news",       "goodsid", "businessid", "recipeid",  "animeid",
        "artistid", "商品id",  "商品",       "物品id",  "物品"}},
      // In a file of items the key is the item; in a log it is the row.
      {"key", {"id"}},
      {"time",
       {"timestamp", "time", "unixreviewtime", "ts", "datetime", "date", "eventtime", "createdat",
        "unixtime", "时间戳", "时间"}},
      {"rating", {"rating", "overall", "stars", "score", "评分"}},
      {"event type",
       {"eventtype", "event", "type", "kind", "action", "behavior", "behaviour", "行为类型"}},
      {"title", {"title", "name", "itemname", "productname", "productdisplayname", "movietitle"}},
      {"text", {"text", "itemtext"}},
      {"maker", {"brand", "store", "author", "authors", "artist", "publisher"}},
      {"category", {"categories", "category", "genres", "genre", "class", "maincategory", "tags"}},
  };
  return known;
}

// "Movie_ID" → "movieid"; of a dotted path the whole, or its last part. Other letters stay.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const bool other = static_cast<unsigned char>(c) >= 0x80;
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || other) plain += c;
  }
  return plain;
}

bool is_time_column(std::span<const std::string> values) {
  std::size_t known = 0;
  std::size_t times = 0;
  for (const std::string& value : values) {
    if (value.empty()) continue;
    ++known;
    times += looks_like_time(value) ? 1 : 0;
  }
  return known > 0 && 10 * times >= 9 * known;
}

bool is_number_column(std::span<const std::string> values) {
  return std::ranges::all_of(values, [](const std::string& value) {
    return value.empty() || parse_number<double>(value).has_value();
  });
}

// The column that holds times: a date if there is one, else the last of large numbers.
std::string time_column(Records& records) {
  std::string found;
  for (const std::string& name : records.names()) {
    const std::vector<std::string> values = records.sample(name);
    if (!is_time_column(values)) continue;
    found = name;
    if (!is_number_column(values)) break;
  }
  return found;
}

}  // namespace

FieldChooser::FieldChooser(Records& records) : records_(records) {
  if (records.nameless()) time_ = time_column(records);
}

bool FieldChooser::is_free(const std::string& field) const {
  return std::ranges::find(taken_, field) == taken_.end();
}

void FieldChooser::take(const std::string& field) {
  if (!field.empty()) taken_.push_back(field);
}

std::string FieldChooser::guess_by_place(std::string_view role) const {
  if (role == "time") return is_free(time_) ? time_ : "";
  std::vector<std::string> others;
  for (const std::string& name : records_.names()) {
    if (name != time_) others.push_back(name);
  }
  if (others.size() < 2) return "";
  struct RolePlace {
    std::string_view role;
    std::size_t place;
  };
  constexpr RolePlace kPlaces[] = {
      {"user", 0}, {"key", 0}, {"item", 1}, {"title", 1}, {"rating", 2}};
  const auto* const found = std::ranges::find(kPlaces, role, &RolePlace::role);
  if (found == std::end(kPlaces) || found->place >= others.size()) return "";
  const std::string& field = others[found->place];
  const bool numbers = is_number_column(records_.sample(field));
  if ((role == "rating" && !numbers) || (role == "title" && numbers)) return "";
  return is_free(field) ? field : "";
}

std::string FieldChooser::guess_by_name(std::string_view role) const {
  const auto list = std::ranges::find(customary(), role, &Customary::role);
  for (const bool last_part : {false, true}) {
    for (const std::string_view custom : list->names) {
      for (const std::string& name : records_.names()) {
        const std::string whole = plain_name(name);
        const std::string_view part =
            last_part ? std::string_view(whole).substr(whole.rfind('.') + 1) : whole;
        if (part == custom && is_free(name)) return name;
      }
    }
  }
  return role == "item" ? only_other_id() : "";
}

// Of a log with some "…_id" beside those of users and rows: what else should it be of.
std::string FieldChooser::only_other_id() const {
  std::string found;
  for (const std::string& name : records_.names()) {
    const std::string plain = plain_name(name);
    if (!plain.ends_with("id") || plain == "id" || !is_free(name)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

std::string FieldChooser::guess(std::string_view role) const {
  if (records_.nameless()) return guess_by_place(role);
  if (role == "key") {
    const std::string item = guess_by_name("item");
    return item.empty() ? guess_by_name("key") : item;
  }
  return guess_by_name(role);
}

std::string FieldChooser::listed() const {
  const std::span names(records_.names());
  std::string list = joined(names.first(std::min<std::size_t>(names.size(), 30)), ", ");
  if (records_.nameless()) list += " (if the first line names them, give --header)";
  return names.size() > 30 ? list + ", …" : list;
}

const std::string& FieldChooser::known(const std::string& given, std::string_view option) const {
  const std::vector<std::string>& names = records_.names();
  if (std::ranges::find(names, given) != names.end()) return given;
  const std::string near = nearest_word(given, names);
  fail("{}: {} '{}': there is no such field{}; the fields are: {}", records_.name(), option, given,
       near.empty() ? "" : ", did you mean '" + near + "'?", listed());
}

FieldChoice FieldChooser::choose(std::string_view role, const std::string& given,
                                 std::string_view option, bool required) {
  FieldChoice choice{std::string(role), given, given.empty()};
  if (!given.empty()) {
    known(given, option);
  } else {
    choice.field = guess(role);
  }
  if (required && choice.field.empty()) {
    const bool named = !records_.nameless();
    fail("{}: which field is the {}? Give {} NAME; the fields are: {}{}", records_.name(),
         role == "key" ? "item" : role, option, listed(),
         named ? " (--no-header if the first line is a record)" : "");
  }
  take(choice.field);
  return choice;
}

}  // namespace tessera
