#include "data/field_choice.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"

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
        "memberid", "member", "accountid", "sessionid", "session"}},
      {"item", {"item",    "itemid",  "parentasin", "asin",    "iid",    "productid", "product",
                "movieid", "movie",   "articleid",  "article", "sku",    "isbn",      "bookid",
                "book",    "trackid", "track",      "songid",  "gameid", "contentid", "id"}},
      {"time",
       {"timestamp", "time", "unixreviewtime", "ts", "datetime", "date", "eventtime", "createdat",
        "unixtime"}},
      {"rating", {"rating", "overall", "stars", "score"}},
      {"event type", {"eventtype", "event", "type", "action", "behavior", "behaviour"}},
      {"title", {"title", "name", "itemname", "productname", "productdisplayname", "movietitle"}},
      {"text", {"text", "itemtext"}},
      {"maker", {"brand", "store", "author", "authors", "artist", "publisher"}},
      {"category", {"categories", "category", "genres", "genre", "class", "maincategory", "tags"}},
  };
  return known;
}

// "Movie_ID" → "movieid"; of a dotted path the whole, or its last part.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.') plain += c;
  }
  return plain;
}

std::string guess(std::span<const std::string> names, std::string_view role) {
  if (!names.empty() && names[0] == "1") {  // no header
    if (role == "user" && names.size() >= 2) return "1";
    if (role == "item" && names.size() >= 2) return "2";
    if (role == "rating" && names.size() >= 4) return "3";
    if (role == "time" && names.size() >= 3) return names.size() == 3 ? "3" : "4";
    return "";
  }
  const auto list = std::ranges::find(customary(), role, &Customary::role);
  for (const std::string_view custom : list->names) {
    for (const std::string& name : names) {
      if (plain_name(name) == custom) return name;
    }
  }
  for (const std::string_view custom : list->names) {
    for (const std::string& name : names) {
      if (plain_name(name.substr(name.rfind('.') + 1)) == custom) return name;
    }
  }
  return "";
}

std::string listed(std::span<const std::string> names) {
  std::string list;
  for (const std::string& name : names.first(std::min<std::size_t>(names.size(), 30))) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return names.size() > 30 ? list + ", …" : list;
}

}  // namespace

const std::string& known_field(const std::string& file, std::span<const std::string> names,
                               const std::string& given, std::string_view option) {
  if (std::ranges::find(names, given) != names.end()) return given;
  const std::string near = nearest_word(given, names);
  fail("{}: {} '{}': there is no such field{}; the fields are: {}", file, option, given,
       near.empty() ? "" : ", did you mean '" + near + "'?", listed(names));
}

FieldChoice choose_field(const std::string& file, std::span<const std::string> names,
                         std::string_view role, const std::string& given, std::string_view option,
                         bool required) {
  if (!given.empty()) return {std::string(role), known_field(file, names, given, option), false};
  FieldChoice choice{std::string(role), guess(names, role), true};
  if (required && choice.field.empty()) {
    fail("{}: which field is the {}? Give {} NAME; the fields are: {}", file, role, option,
         listed(names));
  }
  return choice;
}

}  // namespace tessera
